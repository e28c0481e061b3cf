import { isReservedChannel, kindOf } from '#protocol';
import type { App } from '../../core/app.ts';
import type { Retention } from '../../core/app.ts';
import type {
  Broker,
  ChannelEvent,
  ChannelRef,
  Control,
  Deliver,
  Membership,
  Stores,
  Terminate,
} from '../../core/ports/cluster.ts';
import type { AppBridge } from './app-bridge.ts';
import type { MemberEars } from './reception.ts';
import { MergedMembership } from './presence/merged-membership.ts';
import { BridgedConnectionQuota } from './presence/upstream-counts.ts';
import { isForwarded } from './outgoing/published.ts';
import { LastEvents } from './last-events.ts';

/** What a bridge of an app needs of this node's stores. */
export interface Inside {
  readonly broker: Broker;
  readonly deliver: Deliver;
  readonly members: MemberEars;
  readonly remember: (ref: ChannelRef, payload: string) => void;
}

export interface BridgedNeeds {
  readonly apps: ReadonlyMap<string, App>;
  readonly bridges: ReadonlyMap<string, AppBridge>;
  readonly failed: (error: unknown) => void;
}

/** SPEC 11.6 to 11.12: the same stores; what goes through them reaches the other side as well. */
export function bridgedStores(inner: Stores, needs: BridgedNeeds): { stores: Stores; inside: Inside } {
  const history = new LastEvents(inner.history);
  const membership = bridgedMembership(inner.membership, needs);
  const quota = new BridgedConnectionQuota(
    inner.quota,
    async (app) => (await needs.bridges.get(app)?.census.connections()) ?? 0,
  );
  const broker = new BridgedBroker(inner.broker, history, needs);
  const control = new BridgedControl(inner.control, (app, user) =>
    needs.bridges.get(app)?.dispatch.terminate(user),
  );
  const inside: Inside = {
    broker: inner.broker,
    deliver: (ref, event) => broker.deliver(ref, event),
    members: membership,
    remember: (ref, payload) => broker.remember(ref, payload),
  };
  return { stores: { ...inner, broker, history, membership, quota, control }, inside };
}

function bridgedMembership(inner: Membership, { bridges, failed }: BridgedNeeds): MergedMembership {
  const bridgeOf = ({ app }: ChannelRef): AppBridge | undefined => bridges.get(app);
  return new MergedMembership({
    inner,
    otherSide: {
      join: async (ref, member) => bridgeOf(ref)?.presence.join(ref.channel, member),
      leave: (ref, id) => bridgeOf(ref)?.presence.leave(ref.channel, id),
      isHeard: (ref) => bridgeOf(ref)?.presence.hearing(ref.channel) === 'yes',
    },
    census: {
      members: async (ref) => (await bridgeOf(ref)?.census.members(ref.channel)) ?? [],
      occupancy: async (ref) => bridgeOf(ref)?.census.occupancy(ref.channel),
      otherBridgesOn: (ref, nodes) => bridgeOf(ref)?.census.otherBridgesOn(ref.channel, nodes) ?? 0,
      channels: async (app, prefix) => (await bridges.get(app)?.census.channels(prefix)) ?? new Map(),
    },
    failed,
  });
}

class BridgedBroker implements Broker {
  readonly #inner: Broker;
  readonly #history: LastEvents;
  readonly #needs: BridgedNeeds;
  #deliver: Deliver = () => undefined;

  constructor(inner: Broker, history: LastEvents, needs: BridgedNeeds) {
    this.#inner = inner;
    this.#history = history;
    this.#needs = needs;
  }

  start(deliver: Deliver): Promise<void> {
    this.#deliver = deliver;
    return this.#inner.start((ref, event) => {
      if (this.#bridge(ref)?.heardNote(ref, event.payload)) return;
      if (event.bestEffort !== true && isForwarded(ref, event)) this.remember(ref, event.payload);
      deliver(ref, event);
    });
  }

  async subscribe(ref: ChannelRef): Promise<void> {
    const kind = kindOf(ref.channel);
    if (isListenedTo(ref) && kind.cached) this.#history.hold(ref);
    const heard = isListenedTo(ref) && !kind.members ? this.#bridge(ref)?.listen(ref.channel) : undefined;
    await Promise.all([this.#inner.subscribe(ref), heard]);
  }

  async unsubscribe(ref: ChannelRef): Promise<void> {
    this.#history.drop(ref);
    if (isListenedTo(ref)) this.#bridge(ref)?.unlisten(ref.channel);
    await this.#inner.unsubscribe(ref);
  }

  async publish(ref: ChannelRef, event: ChannelEvent, keep?: Retention): Promise<void> {
    await this.#inner.publish(ref, event, keep);
    await this.#bridge(ref)?.dispatch.published(ref, event);
  }

  /** What came from the other side. */
  deliver(ref: ChannelRef, event: ChannelEvent): void {
    this.#deliver(ref, event);
  }

  remember(ref: ChannelRef, payload: string): void {
    const app = this.#needs.apps.get(ref.app);
    if (app !== undefined && kindOf(ref.channel).cached)
      this.#history.remember(ref, payload, app.cacheTtlSeconds);
  }

  #bridge(ref: ChannelRef): AppBridge | undefined {
    return this.#needs.bridges.get(ref.app);
  }
}

/** Reverb takes `presence…` without a dash for presence too: without a member, the bridge would spoil its roster. */
const isListenedTo = ({ channel }: ChannelRef): boolean =>
  !isReservedChannel(channel) && (kindOf(channel).members || !channel.startsWith('presence'));

class BridgedControl implements Control {
  readonly #inner: Control;
  readonly #elsewhere: (app: string, user: string) => Promise<void> | undefined;

  constructor(inner: Control, elsewhere: (app: string, user: string) => Promise<void> | undefined) {
    this.#inner = inner;
    this.#elsewhere = elsewhere;
  }

  onTerminate(terminate: Terminate): void {
    this.#inner.onTerminate(terminate);
  }

  async terminate(app: string, user: string): Promise<void> {
    await this.#inner.terminate(app, user);
    void this.#elsewhere(app, user);
  }
}
