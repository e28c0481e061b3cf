import { encode, type Member } from '#protocol';
import type { Broker, ChannelRef } from '../../core/ports/events.ts';
import type { Joining, Leaving, Membership, Occupancy } from '../../core/ports/membership.ts';

interface ChannelState {
  subscriptions: number;
  /** In the order in which they joined. */
  readonly members: Map<string, Member>;
}

/** The membership of a single node. */
export class MemoryMembership implements Membership {
  readonly #apps = new Map<string, Map<string, ChannelState>>();
  readonly #broker: Broker;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  async join(ref: ChannelRef, { subscriptions, member, socketId }: Joining): Promise<void> {
    const state = this.#ensure(ref);
    state.subscriptions = subscriptions;
    if (member === undefined || state.members.has(member.id)) return;
    state.members.set(member.id, member);
    const payload = encode.memberAdded(ref.channel, member);
    await this.#broker.publish(ref, {
      payload,
      except: socketId,
      memberChange: { id: member.id, joined: true },
    });
  }

  async leave(ref: ChannelRef, { subscriptions, member }: Leaving): Promise<void> {
    const state = this.#find(ref);
    if (state === undefined) return;
    state.subscriptions = subscriptions;
    const known = member && state.members.get(member.id);
    if (known !== undefined) state.members.delete(known.id);
    if (subscriptions === 0) this.#close(ref);
    if (known === undefined) return;
    const payload = encode.memberRemoved(ref.channel, known);
    await this.#broker.publish(ref, { payload, memberChange: { id: known.id, joined: false } });
  }

  count(ref: ChannelRef, subscriptions: number): void {
    const state = this.#find(ref);
    if (state !== undefined) state.subscriptions = subscriptions;
  }

  members(ref: ChannelRef): Promise<readonly Member[]> {
    return Promise.resolve([...(this.#find(ref)?.members.values() ?? [])]);
  }

  occupancy(ref: ChannelRef): Promise<Occupancy> {
    return Promise.resolve(occupancyOf(this.#find(ref)));
  }

  channels(app: string, prefix: string): Promise<ReadonlyMap<string, Occupancy>> {
    const channels = [...(this.#apps.get(app) ?? [])].filter(([name]) => name.startsWith(prefix));
    return Promise.resolve(new Map(channels.map(([name, state]) => [name, occupancyOf(state)])));
  }

  #find(ref: ChannelRef): ChannelState | undefined {
    return this.#apps.get(ref.app)?.get(ref.channel);
  }

  #ensure(ref: ChannelRef): ChannelState {
    const channels = this.#apps.get(ref.app) ?? new Map<string, ChannelState>();
    this.#apps.set(ref.app, channels);
    const state = channels.get(ref.channel) ?? { subscriptions: 0, members: new Map<string, Member>() };
    channels.set(ref.channel, state);
    return state;
  }

  #close(ref: ChannelRef): void {
    const channels = this.#apps.get(ref.app);
    channels?.delete(ref.channel);
    if (channels?.size === 0) this.#apps.delete(ref.app);
  }
}

const occupancyOf = (state: ChannelState | undefined): Occupancy => ({
  subscriptions: state?.subscriptions ?? 0,
  users: state?.members.size ?? 0,
});
