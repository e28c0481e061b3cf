import { kindOf } from '#protocol';
import type { App } from '../../core/app.ts';
import type { Broker, ChannelRef, Deliver } from '../../core/ports/cluster.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { BridgeState, HealthSink, Upstream } from '../ports.ts';
import { UpstreamCounts } from './presence/upstream-counts.ts';
import { WarningLog } from './warning-log.ts';
import { Dispatch } from './outgoing/dispatch.ts';
import { Echoes, type SubscriptionState } from './echo/echoes.ts';
import type { BridgeLimits } from './limits.ts';
import { MainConnection } from './connection/main-connection.ts';
import { NodeNotes } from './echo/node-notes.ts';
import { UpstreamApi } from './connection/upstream-api.ts';
import { Presence } from './presence/presence.ts';
import { type UpstreamMemberListener, Reception } from './reception.ts';
import { BridgeCounters } from './state.ts';
import { ClientEvents } from './outgoing/client-events.ts';

export interface AppBridgeDeps {
  readonly app: App;
  readonly upstream: Upstream;
  readonly limits: BridgeLimits;
  readonly logger: Logger;
  readonly health: HealthSink | undefined;
  /** Sockets of an app at the other side that are this node's, beside those of the bridge. */
  readonly probeSockets: (app: string) => number;
  /** Sockets of browsers of an app that this node leads to the other side. */
  readonly proxiedSockets: (app: string) => number;
  /** The cluster's own broker, for notes. */
  readonly broker: Broker;
  /** To this node's own sockets. */
  readonly deliver: Deliver;
  readonly members: UpstreamMemberListener;
  /** The last event of a cache channel, as the other side tells it. */
  readonly remember: (ref: ChannelRef, payload: string) => void;
}

/** SPEC 11.6 to 11.13: one app's bridge on this node, put together of its parts. */
export class AppBridge {
  readonly presence: Presence;
  readonly dispatch: Dispatch;
  readonly counts: UpstreamCounts;
  readonly #appId: string;
  readonly #counters = new BridgeCounters();
  readonly #echoes: Echoes;
  readonly #mainConnection: MainConnection;
  readonly #api: UpstreamApi;
  readonly #probeSockets: () => number;
  readonly #proxiedSockets: () => number;

  constructor(deps: AppBridgeDeps) {
    const { app, upstream, limits } = deps;
    const [credential] = app.credentials;
    const counters = this.#counters;
    this.#appId = app.id;
    this.#probeSockets = () => deps.probeSockets(app.id);
    this.#proxiedSockets = () => deps.proxiedSockets(app.id);
    this.#echoes = this.#openEchoes(deps);
    const tools = { ...deps, appId: app.id, credential, counters, echoes: this.#echoes };
    const link = { upstream, key: credential.key, limits };
    const warnings = new WarningLog(tools);
    const parts = { ...tools, link, warnings, receiver: new Reception(tools) };
    const isDisconnected = (): boolean => !this.isConnected;
    this.#api = new UpstreamApi(tools);
    this.#mainConnection = new MainConnection({ ...parts, onOpen: () => this.dispatch.retryNow() });
    this.presence = new Presence({
      ...parts,
      isDisconnected,
      failed: (reason) => counters.error(reason),
      errorFrame: (frame) => warnings.errorFrame(frame),
    });
    const whispers = new ClientEvents({
      ...parts,
      mainConnection: this.#mainConnection,
      presence: this.presence,
    });
    this.dispatch = new Dispatch({ ...parts, api: this.#api, clientEvents: whispers, isDisconnected });
    this.counts = this.#openCounts(limits);
  }

  get isConnected(): boolean {
    return this.#mainConnection.isOpen;
  }

  get state(): BridgeState {
    const { presence, isConnected } = this;
    const { link, subscriptions: listening } = this.#mainConnection;
    return this.#counters.with({
      app: this.#appId,
      connected: isConnected,
      channels: listening.size + presence.channelCount,
      members: presence.memberCount,
      connections: presence.connectionCount + (isConnected ? 1 : 0),
      queue: this.dispatch.queue,
      lagMs: isConnected ? link.lagMs : undefined,
    });
  }

  async start(): Promise<void> {
    this.dispatch.start();
    this.#mainConnection.link.open();
    await this.#echoes.notes.start();
  }

  async stop(): Promise<void> {
    this.#mainConnection.link.close();
    this.presence.stop();
    this.dispatch.stop();
    this.#api.stop();
    this.#echoes.stop();
    await this.#echoes.notes.stop();
  }

  /** Called now and then. */
  tick(): void {
    this.#echoes.tick();
  }

  /** The other nodes leave this node's sockets out of the people that they count there. */
  publishSockets(): void {
    const { isConnected: isBridged } = this;
    this.#echoes.notes.publishSockets({ own: this.#ownSockets, proxied: this.#proxiedSockets(), isBridged });
  }

  /** True while other nodes lead browsers to the other side. */
  get othersProxy(): boolean {
    return this.#echoes.notes.others.proxied > 0;
  }

  subscribe(channel: string): Promise<void> {
    return this.#mainConnection.subscriptions.subscribe(channel);
  }

  unsubscribe(channel: string): void {
    this.#mainConnection.subscriptions.unsubscribe(channel);
    this.#echoes.lost(channel);
  }

  /** How long a channel without members has been heard at the other side without a break; 0: it is not heard. */
  subscribedForMs(channel: string): number {
    return this.#mainConnection.subscriptions.subscribedForMs(channel);
  }

  /** False: the event is no note of another node. */
  receiveNote(ref: ChannelRef, payload: string): boolean {
    return this.#echoes.notes.receive(ref, payload);
  }

  // --- within ----------------------------------------------------------------------------------

  #openEchoes({ app, broker, limits }: AppBridgeDeps): Echoes {
    return new Echoes({
      limits,
      counters: this.#counters,
      notes: (receiver) => new NodeNotes({ app: app.id, broker, limits, receiver }),
      subscriptionOf: (channel) => this.#subscriptionOf(channel),
      barrier: (channel) => this.#barrier(channel),
    });
  }

  #openCounts({ subscribeWaitMs }: BridgeLimits): UpstreamCounts {
    return new UpstreamCounts({
      api: this.#api,
      waitMs: subscribeWaitMs,
      isConnected: () => this.isConnected,
      ownSubscriptions: (channel) =>
        this.presence.channel(channel)?.members ?? (this.#subscriptionOf(channel) === 'no' ? 0 : 1),
      otherBridges: () => this.#echoes.notes.others.bridges,
      ownSockets: () => {
        const { own, proxied } = this.#echoes.notes.others;
        return this.#ownSockets + this.#proxiedSockets() + own + proxied;
      },
    });
  }

  get #ownSockets(): number {
    return this.presence.connectionCount + (this.isConnected ? 1 : 0) + this.#probeSockets();
  }

  #subscriptionOf(channel: string): SubscriptionState {
    return kindOf(channel).members
      ? this.presence.subscriptionOf(channel)
      : this.#mainConnection.subscriptions.stateOf(channel);
  }

  async #barrier(channel: string): Promise<void> {
    if (kindOf(channel).members) await this.presence.channel(channel)?.barrier();
    else await this.#mainConnection.link.barrier();
  }
}
