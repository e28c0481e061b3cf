import { encode, type Member } from '#protocol';
import type { Broker, ChannelRef } from '../../core/ports/events.ts';
import type { WaitingTransitions } from './outbox/waiting-transitions.ts';
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
  readonly #transitions: WaitingTransitions | undefined;

  /** `transitions`: `undefined` when no app has webhooks. */
  constructor(broker: Broker, transitions?: WaitingTransitions) {
    this.#broker = broker;
    this.#transitions = transitions;
  }

  async join(ref: ChannelRef, { subscriptions, member, socketId }: Joining): Promise<void> {
    const state = this.#ensure(ref);
    this.#setSubscriptions(ref, state, subscriptions);
    if (member === undefined || state.members.has(member.id)) return;
    state.members.set(member.id, member);
    this.#transitions?.added(ref, member.id);
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
    const known = member && state.members.get(member.id);
    if (known !== undefined) {
      state.members.delete(known.id);
      this.#transitions?.removed(ref, known.id);
    }
    this.#setSubscriptions(ref, state, subscriptions);
    if (subscriptions === 0) this.#close(ref);
    if (known === undefined) return;
    const payload = encode.memberRemoved(ref.channel, known);
    await this.#broker.publish(ref, { payload, memberChange: { id: known.id, joined: false } });
  }

  count(ref: ChannelRef, subscriptions: number): void {
    const state = this.#find(ref);
    if (state !== undefined) this.#setSubscriptions(ref, state, subscriptions);
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

  #setSubscriptions(ref: ChannelRef, state: ChannelState, subscriptions: number): void {
    const before = state.subscriptions;
    state.subscriptions = subscriptions;
    if (before === 0 && subscriptions > 0) this.#transitions?.occupied(ref);
    if (before !== subscriptions) this.#transitions?.counted(ref, subscriptions);
    if (before > 0 && subscriptions === 0) this.#transitions?.vacated(ref);
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
