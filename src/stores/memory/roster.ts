import type { Member } from '#protocol';
import type { ChannelRef } from '../../core/ports/channel-ref.ts';

interface Channel {
  subscriptions: number;
  /** In the order in which they joined. */
  readonly members: Map<string, Member>;
}

/** A channel that a process holds. */
export interface SavedChannel {
  readonly ref: ChannelRef;
  readonly subscriptions: number;
  readonly members: readonly Member[];
}

const NO_MEMBERS: ReadonlyMap<string, Member> = new Map();

/** The channels that one process holds: the number of its sockets on each, and their members. */
export class Roster {
  readonly #apps = new Map<string, Map<string, Channel>>();

  subscriptions(ref: ChannelRef): number {
    return this.#find(ref)?.subscriptions ?? 0;
  }

  members(ref: ChannelRef): ReadonlyMap<string, Member> {
    return this.#find(ref)?.members ?? NO_MEMBERS;
  }

  channels(app: string): Iterable<string> {
    return this.#apps.get(app)?.keys() ?? [];
  }

  /** Without subscriptions a channel is no longer held, and its members are forgotten. */
  set(ref: ChannelRef, subscriptions: number): void {
    if (subscriptions === 0) return this.#remove(ref);
    const channels = this.#apps.get(ref.app) ?? new Map<string, Channel>();
    this.#apps.set(ref.app, channels);
    const channel = channels.get(ref.channel);
    if (channel === undefined) channels.set(ref.channel, { subscriptions, members: new Map() });
    else channel.subscriptions = subscriptions;
  }

  /** Adds a member to a channel that is held; one that is known stays as it was given first. */
  add(ref: ChannelRef, member: Member): void {
    const members = this.#find(ref)?.members;
    if (members?.has(member.id) === false) members.set(member.id, member);
  }

  /** True when it was a member. */
  remove(ref: ChannelRef, id: string): boolean {
    return this.#find(ref)?.members.delete(id) ?? false;
  }

  *all(): Generator<SavedChannel> {
    for (const [app, channels] of this.#apps)
      for (const [channel, { subscriptions, members }] of channels)
        yield { ref: { app, channel }, subscriptions, members: [...members.values()] };
  }

  #find({ app, channel }: ChannelRef): Channel | undefined {
    return this.#apps.get(app)?.get(channel);
  }

  #remove({ app, channel }: ChannelRef): void {
    const channels = this.#apps.get(app);
    channels?.delete(channel);
    if (channels?.size === 0) this.#apps.delete(app);
  }
}
