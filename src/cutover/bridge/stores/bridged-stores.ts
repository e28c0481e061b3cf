import type { Member } from '#protocol';
import type { App } from '../../../core/app.ts';
import type { NodeCommands, Stores, Terminate } from '../../../core/ports/stores.ts';
import type { Broker, ChannelRef, Deliver } from '../../../core/ports/events.ts';
import type { Membership, Occupancy } from '../../../core/ports/membership.ts';
import type { SubscriptionState } from '../ports/receiver.ts';
import { BridgedBroker, type UpstreamEvents } from './bridged-broker.ts';
import { BridgedConnectionQuota } from './connection-quota.ts';
import { BridgedCachedEvents } from './cached-events.ts';
import { MergedMembership } from './merged-membership.ts';

/** One app's bridge, as the bridged stores use it. */
export interface UpstreamApp extends UpstreamEvents {
  readonly dispatch: UpstreamEvents['dispatch'] & { terminate(user: string): Promise<void> };
  readonly presence: {
    join(channel: string, member: Member): Promise<void>;
    leave(channel: string, id: string): void;
    subscriptionOf(channel: string): SubscriptionState;
  };
  readonly counts: {
    connections(): Promise<number>;
    members(channel: string): Promise<readonly Member[]>;
    occupancy(channel: string): Promise<Occupancy | undefined>;
    otherBridgesOn(channel: string, nodes: number): number;
    channels(prefix: string): Promise<ReadonlyMap<string, Occupancy>>;
  };
}

/** This node's stores, as the bridges use them. */
export interface LocalStores {
  /** The cluster's own broker, for notes. */
  readonly broker: Broker;
  /** Delivers to this node's own clients. */
  readonly deliver: Deliver;
  readonly members: MergedMembership;
  /** Keeps the last event of a cache channel. */
  readonly remember: (ref: ChannelRef, payload: string) => void;
}

export interface BridgedStoresDeps {
  readonly apps: ReadonlyMap<string, App>;
  readonly upstreams: ReadonlyMap<string, UpstreamApp>;
  readonly failed: (error: unknown) => void;
}

/** SPEC 11.6 to 11.12: the same stores; what goes through them reaches the upstream as well. */
export function bridgedStores(
  inner: Stores,
  deps: BridgedStoresDeps,
): { readonly stores: Stores; readonly local: LocalStores } {
  const { apps, upstreams } = deps;
  const cachedEvents = new BridgedCachedEvents(inner.cachedEvents);
  const membership = mergedMembership(inner.membership, deps);
  const quota = new BridgedConnectionQuota(
    inner.quota,
    async (app) => (await upstreams.get(app)?.counts.connections()) ?? 0,
  );
  const upstreamOf = ({ app }: ChannelRef): UpstreamApp | undefined => upstreams.get(app);
  const broker = new BridgedBroker({ inner: inner.broker, cachedEvents, apps, upstreamOf });
  const nodeCommands = new BridgedNodeCommands(inner.nodeCommands, (app, user) =>
    upstreams.get(app)?.dispatch.terminate(user),
  );
  const local: LocalStores = {
    broker: inner.broker,
    deliver: (ref, event) => broker.deliver(ref, event),
    members: membership,
    remember: (ref, payload) => broker.remember(ref, payload),
  };
  return { stores: { ...inner, broker, cachedEvents, membership, quota, nodeCommands }, local };
}

function mergedMembership(inner: Membership, { upstreams, failed }: BridgedStoresDeps): MergedMembership {
  const appOf = ({ app }: ChannelRef): UpstreamApp | undefined => upstreams.get(app);
  return new MergedMembership({
    inner,
    upstream: {
      join: async (ref, member) => appOf(ref)?.presence.join(ref.channel, member),
      leave: (ref, id) => appOf(ref)?.presence.leave(ref.channel, id),
      isSubscribed: (ref) => appOf(ref)?.presence.subscriptionOf(ref.channel) === 'confirmed',
    },
    counts: {
      members: async (ref) => (await appOf(ref)?.counts.members(ref.channel)) ?? [],
      occupancy: async (ref) => appOf(ref)?.counts.occupancy(ref.channel),
      otherBridgesOn: (ref, nodes) => appOf(ref)?.counts.otherBridgesOn(ref.channel, nodes) ?? 0,
      channels: async (app, prefix) => (await upstreams.get(app)?.counts.channels(prefix)) ?? new Map(),
    },
    failed,
  });
}

/** SPEC 11.12: terminates a user's connections on both sides. */
class BridgedNodeCommands implements NodeCommands {
  readonly #inner: NodeCommands;
  readonly #upstream: (app: string, user: string) => Promise<void> | undefined;

  constructor(inner: NodeCommands, upstream: (app: string, user: string) => Promise<void> | undefined) {
    this.#inner = inner;
    this.#upstream = upstream;
  }

  onTerminate(terminate: Terminate): void {
    this.#inner.onTerminate(terminate);
  }

  async terminate(app: string, user: string): Promise<void> {
    await this.#inner.terminate(app, user);
    void this.#upstream(app, user);
  }
}
