import { encode, type Member } from '#protocol';
import type { Broker, ChannelRef } from '../../core/ports/events.ts';
import type { Joining, Leaving, Membership, Occupancy } from '../../core/ports/membership.ts';
import type { WaitingTransitions } from './outbox/waiting-transitions.ts';
import { Roster, type SavedChannel } from './roster.ts';

/**
 * The membership of a single node, whose channels may be held by two processes for a while: by this one, and by the one that it
 * replaces (SPEC 2.17).
 */
export class MemoryMembership implements Membership {
  readonly #broker: Broker;
  readonly #transitions: WaitingTransitions | undefined;
  readonly #own = new Roster();
  /** Channels of the process that this one replaces. */
  readonly #earlier = new Roster();

  /** `transitions`: `undefined` when no app has webhooks. */
  constructor(broker: Broker, transitions?: WaitingTransitions) {
    this.#broker = broker;
    this.#transitions = transitions;
  }

  join(ref: ChannelRef, joining: Joining): Promise<void> {
    return this.#join(this.#own, ref, joining);
  }

  leave(ref: ChannelRef, leaving: Leaving): Promise<void> {
    return this.#leave(this.#own, ref, leaving);
  }

  count(ref: ChannelRef, subscriptions: number): void {
    this.#count(this.#own, ref, subscriptions);
  }

  members(ref: ChannelRef): Promise<readonly Member[]> {
    return Promise.resolve([...this.#membersOf(ref).values()]);
  }

  occupancy(ref: ChannelRef): Promise<Occupancy> {
    return Promise.resolve({ subscriptions: this.#subscriptionsOf(ref), users: this.#membersOf(ref).size });
  }

  async channels(app: string, prefix: string): Promise<ReadonlyMap<string, Occupancy>> {
    const names = new Set([...this.#earlier.channels(app), ...this.#own.channels(app)]);
    const found = [...names].filter((channel) => channel.startsWith(prefix));
    const entries = found.map(async (channel) => [channel, await this.occupancy({ app, channel })] as const);
    return new Map(await Promise.all(entries));
  }

  /** The part that the process which this one replaces reports to. */
  earlier(): Membership {
    return {
      members: (ref) => this.members(ref),
      occupancy: (ref) => this.occupancy(ref),
      channels: (app, prefix) => this.channels(app, prefix),
      join: (ref, joining) => this.#join(this.#earlier, ref, joining),
      leave: (ref, leaving) => this.#leave(this.#earlier, ref, leaving),
      count: (ref, subscriptions) => this.#count(this.#earlier, ref, subscriptions),
    };
  }

  /** Removes what the process that this one replaces still held when it ended. */
  earlierEnded(): void {
    for (const { ref, members } of [...this.#earlier.all()]) {
      for (const member of members) void this.#leave(this.#earlier, ref, { subscriptions: 1, member });
      void this.#leave(this.#earlier, ref, { subscriptions: 0 });
    }
  }

  save(): Iterable<SavedChannel> {
    return this.#own.all();
  }

  /** Takes what the process that this one replaces holds; nobody is told, because nothing has changed. */
  load({ ref, subscriptions, members }: SavedChannel): void {
    this.#earlier.set(ref, subscriptions);
    for (const member of members) this.#earlier.add(ref, member);
  }

  async #join(roster: Roster, ref: ChannelRef, { subscriptions, member, socketId }: Joining): Promise<void> {
    this.#set(roster, ref, subscriptions);
    if (member === undefined) return;
    const isKnown = this.#find(ref, member.id) !== undefined;
    roster.add(ref, member);
    if (isKnown) return;
    this.#transitions?.added(ref, member.id);
    const payload = encode.memberAdded(ref.channel, member);
    const memberChange = { id: member.id, joined: true };
    await this.#broker.publish(ref, { payload, except: socketId, memberChange });
  }

  async #leave(roster: Roster, ref: ChannelRef, { subscriptions, member }: Leaving): Promise<void> {
    const first = member && this.#find(ref, member.id);
    const hasLeft = first !== undefined && roster.remove(ref, first.id) && !this.#find(ref, first.id);
    if (hasLeft) this.#transitions?.removed(ref, first.id);
    this.#count(roster, ref, subscriptions);
    if (!hasLeft) return;
    const payload = encode.memberRemoved(ref.channel, first);
    await this.#broker.publish(ref, { payload, memberChange: { id: first.id, joined: false } });
  }

  #count(roster: Roster, ref: ChannelRef, subscriptions: number): void {
    if (roster.subscriptions(ref) > 0) this.#set(roster, ref, subscriptions);
  }

  #set(roster: Roster, ref: ChannelRef, subscriptions: number): void {
    const before = this.#subscriptionsOf(ref);
    roster.set(ref, subscriptions);
    const after = this.#subscriptionsOf(ref);
    if (before === 0 && after > 0) this.#transitions?.occupied(ref);
    if (before !== after) this.#transitions?.counted(ref, after);
    if (before > 0 && after === 0) this.#transitions?.vacated(ref);
  }

  /** The member as it was given first. */
  #find(ref: ChannelRef, id: string): Member | undefined {
    return this.#earlier.members(ref).get(id) ?? this.#own.members(ref).get(id);
  }

  #membersOf(ref: ChannelRef): ReadonlyMap<string, Member> {
    const [earlier, own] = [this.#earlier.members(ref), this.#own.members(ref)];
    if (earlier.size === 0) return own;
    return new Map([...earlier, ...[...own].filter(([id]) => !earlier.has(id))]);
  }

  #subscriptionsOf(ref: ChannelRef): number {
    return this.#earlier.subscriptions(ref) + this.#own.subscriptions(ref);
  }
}
