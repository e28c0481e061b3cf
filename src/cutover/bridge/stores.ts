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
import type { UpstreamMemberListener } from './reception.ts';
import { MergedMembership } from './presence/merged-membership.ts';
import { BridgedConnectionQuota } from './presence/upstream-counts.ts';
import { isForwarded } from './outgoing/published.ts';
import { LastEvents } from './last-events.ts';

/** What a bridge of an app deps of this node's stores. */
export interface LocalStores {
  readonly broker: Broker;
  readonly deliver: Deliver;
  readonly members: UpstreamMemberListener;
  readonly remember: (ref: ChannelRef, payload: string) => void;
}

export interface BridgedStoresDeps {
  readonly apps: ReadonlyMap<string, App>;
  readonly bridges: ReadonlyMap<string, AppBridge>;
  readonly failed: (error: unknown) => void;
}

/** SPEC 11.6 to 11.12: the same stores; what goes through them reaches the other side as well. */
export function bridgedStores(
  inner: Stores,
  deps: BridgedStoresDeps,
): { stores: Stores; inside: LocalStores } {
  const history = new LastEvents(inner.history);
  const membership = bridgedMembership(inner.membership, deps);
  const quota = new BridgedConnectionQuota(
    inner.quota,
    async (app) => (await deps.bridges.get(app)?.counts.connections()) ?? 0,
  );
  const broker = new BridgedBroker(inner.broker, history, deps);
  const control = new BridgedControl(inner.control, (app, user) =>
    deps.bridges.get(app)?.dispatch.terminate(user),
  );
  const inside: LocalStores = {
    broker: inner.broker,
    deliver: (ref, event) => broker.deliver(ref, event),
    members: membership,
    remember: (ref, payload) => broker.remember(ref, payload),
  };
  return { stores: { ...inner, broker, history, membership, quota, control }, inside };
}

function bridgedMembership(inner: Membership, { bridges, failed }: BridgedStoresDeps): MergedMembership {
  const bridgeOf = ({ app }: ChannelRef): AppBridge | undefined => bridges.get(app);
  return new MergedMembership({
    inner,
    upstream: {
      join: async (ref, member) => bridgeOf(ref)?.presence.join(ref.channel, member),
      leave: (ref, id) => bridgeOf(ref)?.presence.leave(ref.channel, id),
      isSubscribed: (ref) => bridgeOf(ref)?.presence.subscriptionOf(ref.channel) === 'yes',
    },
    counts: {
      members: async (ref) => (await bridgeOf(ref)?.counts.members(ref.channel)) ?? [],
      occupancy: async (ref) => bridgeOf(ref)?.counts.occupancy(ref.channel),
      otherBridgesOn: (ref, nodes) => bridgeOf(ref)?.counts.otherBridgesOn(ref.channel, nodes) ?? 0,
      channels: async (app, prefix) => (await bridges.get(app)?.counts.channels(prefix)) ?? new Map(),
    },
    failed,
  });
}

class BridgedBroker implements Broker {
  readonly #inner: Broker;
  readonly #history: LastEvents;
  readonly #deps: BridgedStoresDeps;
  #deliver: Deliver = () => undefined;

  constructor(inner: Broker, history: LastEvents, deps: BridgedStoresDeps) {
    this.#inner = inner;
    this.#history = history;
    this.#deps = deps;
  }

  start(deliver: Deliver): Promise<void> {
    this.#deliver = deliver;
    return this.#inner.start((ref, event) => {
      if (this.#bridge(ref)?.receiveNote(ref, event.payload)) return;
      if (event.bestEffort !== true && isForwarded(ref, event)) this.remember(ref, event.payload);
      deliver(ref, event);
    });
  }

  async subscribe(ref: ChannelRef): Promise<void> {
    const kind = kindOf(ref.channel);
    if (isBridged(ref) && kind.cached) this.#history.hold(ref);
    const heard = isBridged(ref) && !kind.members ? this.#bridge(ref)?.subscribe(ref.channel) : undefined;
    await Promise.all([this.#inner.subscribe(ref), heard]);
  }

  async unsubscribe(ref: ChannelRef): Promise<void> {
    this.#history.drop(ref);
    if (isBridged(ref)) this.#bridge(ref)?.unsubscribe(ref.channel);
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
    const app = this.#deps.apps.get(ref.app);
    if (app !== undefined && kindOf(ref.channel).cached)
      this.#history.remember(ref, payload, app.cacheTtlSeconds);
  }

  #bridge(ref: ChannelRef): AppBridge | undefined {
    return this.#deps.bridges.get(ref.app);
  }
}

/** Reverb takes `presence…` without a dash for presence too: without a member, the bridge would spoil its roster. */
const isBridged = ({ channel }: ChannelRef): boolean =>
  !isReservedChannel(channel) && (kindOf(channel).members || !channel.startsWith('presence'));

class BridgedControl implements Control {
  readonly #inner: Control;
  readonly #upstream: (app: string, user: string) => Promise<void> | undefined;

  constructor(inner: Control, elsewhere: (app: string, user: string) => Promise<void> | undefined) {
    this.#inner = inner;
    this.#upstream = elsewhere;
  }

  onTerminate(terminate: Terminate): void {
    this.#inner.onTerminate(terminate);
  }

  async terminate(app: string, user: string): Promise<void> {
    await this.#inner.terminate(app, user);
    void this.#upstream(app, user);
  }
}
