import { type Credential, kindOf } from '#protocol';
import type { App } from '../../core/app.ts';
import type { Broker, ChannelRef, Deliver } from '../../core/ports/events.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { errorTextIn } from '../client/read-frame.ts';
import type { HealthSink } from '../ports/health-sink.ts';
import type { Upstream } from '../ports/options.ts';
import type { BridgeState } from './bridge.ts';
import { Link, type LinkOptions } from './connection/link.ts';
import { MainConnection } from './connection/main-connection.ts';
import { UpstreamApi } from './connection/upstream-api.ts';
import { UpstreamCounts } from './connection/upstream-counts.ts';
import { EchoBook } from './echo/echo-book.ts';
import { EchoFilter } from './echo/echo-filter.ts';
import { Echoes } from './echo/echoes.ts';
import { NodeNotes } from './echo/node-notes.ts';
import { IncomingFrames, type UpstreamMemberListener } from './incoming/incoming-frames.ts';
import { LocalDelivery } from './incoming/local-delivery.ts';
import type { BridgeLimits } from './limits.ts';
import { ClientEvents } from './outgoing/client-events.ts';
import { Dispatch } from './outgoing/dispatch.ts';
import type { OpenLink } from './ports/link.ts';
import type { PresenceReceiver, SubscriptionState } from './ports/receiver.ts';
import { BridgePresence } from './presence/presence.ts';
import { BridgeCounters } from './status/counters.ts';
import { WarningLog } from './status/warning-log.ts';

export interface AppBridgeDeps {
  readonly app: App;
  readonly upstream: Upstream;
  readonly limits: BridgeLimits;
  readonly logger: Logger;
  readonly health: HealthSink | undefined;
  /** Connections of this node to the upstream besides those of the bridge. */
  readonly probeSockets: (app: string) => number;
  /** Connections of browsers that this node proxies to the upstream. */
  readonly proxiedSockets: (app: string) => number;
  /** The cluster's own broker, for notes. */
  readonly broker: Broker;
  /** Delivers to this node's own clients. */
  readonly deliver: Deliver;
  readonly members: UpstreamMemberListener;
  /** Keeps the last event of a cache channel. */
  readonly remember: (ref: ChannelRef, payload: string) => void;
}

/** Dependencies that the parts of one app's bridge share. */
interface AppBridgeShared extends AppBridgeDeps {
  readonly appId: string;
  readonly credential: Credential;
  readonly counters: BridgeCounters;
  readonly warnings: WarningLog;
}

/**
 * SPEC 11.6 to 11.13: one app's bridge on this node. Events of the upstream go one way: connection → incoming frames →
 * echo filter → local delivery.
 */
export class AppBridge {
  readonly presence: BridgePresence;
  readonly dispatch: Dispatch;
  readonly counts: UpstreamCounts;
  readonly #deps: AppBridgeDeps;
  readonly #counters = new BridgeCounters();
  readonly #notes: NodeNotes;
  readonly #echoes: Echoes;
  readonly #mainConnection: MainConnection;
  readonly #api: UpstreamApi;

  constructor(deps: AppBridgeDeps) {
    this.#deps = deps;
    const { app, upstream, limits, broker } = deps;
    const [credential] = app.credentials;
    const counters = this.#counters;
    const named = { ...deps, appId: app.id, credential, counters };
    const shared: AppBridgeShared = { ...named, warnings: new WarningLog(named) };
    this.#notes = new NodeNotes({ app: app.id, broker, limits });
    const delivery = new LocalDelivery(shared);
    const book = new EchoBook(limits.echoes);
    const { heldFrames: mostHeld } = limits;
    const filter = new EchoFilter({ book, notes: this.#notes, counters, mostHeld, next: delivery });
    const echoes = (this.#echoes = this.#openEchoes(book, filter));
    const receiver = new IncomingFrames({ ...shared, filter, echoes, delivery });
    const link = { upstream, key: credential.key, limits };
    const onOpen = (): void => this.dispatch.retryNow();
    this.#mainConnection = new MainConnection({ ...shared, link, receiver, onOpen });
    this.presence = this.#openPresence(shared, link, receiver);
    this.#api = new UpstreamApi(shared);
    this.dispatch = this.#openDispatch(shared, echoes);
    this.counts = this.#openCounts();
  }

  get isConnected(): boolean {
    return this.#mainConnection.isOpen;
  }

  get state(): BridgeState {
    const { presence, isConnected } = this;
    const { link, subscriptions } = this.#mainConnection;
    return {
      ...this.#counters.totals,
      app: this.#deps.app.id,
      connected: isConnected,
      channels: subscriptions.size + presence.channelCount,
      members: presence.memberCount,
      connections: presence.connectionCount + (isConnected ? 1 : 0),
      queue: this.dispatch.queue,
      lagMs: isConnected ? link.lagMs : undefined,
    };
  }

  async start(): Promise<void> {
    this.dispatch.start();
    this.#mainConnection.link.open();
    await this.#echoes.start();
  }

  async stop(): Promise<void> {
    this.#mainConnection.link.close();
    this.presence.stop();
    this.dispatch.stop();
    this.#api.stop();
    await this.#echoes.stop();
  }

  /** Called every few seconds. */
  tick(): void {
    this.#echoes.tick();
  }

  /** Publishes this node's connections to the upstream: the other nodes leave them out of the clients that they count there. */
  publishSockets(): void {
    const { isConnected: isBridged } = this;
    this.#notes.publishSockets({ own: this.#ownSockets, proxied: this.#proxiedSockets, isBridged });
  }

  /** True while other nodes proxy browsers to the upstream. */
  get othersProxy(): boolean {
    return this.#notes.others.proxied > 0;
  }

  subscribe(channel: string): Promise<void> {
    return this.#mainConnection.subscriptions.subscribe(channel);
  }

  unsubscribe(channel: string): void {
    this.#mainConnection.subscriptions.unsubscribe(channel);
    this.#echoes.lost(channel);
  }

  /** How long a channel without members has been subscribed at the upstream without a break; 0 when it is not. */
  subscribedForMs(channel: string): number {
    return this.#mainConnection.subscriptions.subscribedForMs(channel);
  }

  /** False when the event is not a note of another node. */
  receiveNote(ref: ChannelRef, payload: string): boolean {
    return this.#notes.receive(ref, payload);
  }

  // --- within ----------------------------------------------------------------------------------

  readonly #isDisconnected = (): boolean => !this.isConnected;

  #openPresence(shared: AppBridgeShared, link: LinkOptions, receiver: PresenceReceiver): BridgePresence {
    const openLink: OpenLink = (listener, acquire) => new Link({ ...link, acquire }, listener);
    return new BridgePresence({
      ...shared,
      openLink,
      receiver,
      isDisconnected: this.#isDisconnected,
      failed: (reason) => shared.counters.error(reason),
      errorFrame: (frame) => shared.warnings.errorFrame(errorTextIn(frame)),
    });
  }

  #openDispatch(shared: AppBridgeShared, echoes: Echoes): Dispatch {
    const mainConnection = this.#mainConnection;
    const clientEvents = new ClientEvents({ ...shared, echoes, mainConnection, presence: this.presence });
    const isDisconnected = this.#isDisconnected;
    return new Dispatch({ ...shared, echoes, api: this.#api, clientEvents, isDisconnected });
  }

  #openEchoes(book: EchoBook, filter: EchoFilter): Echoes {
    return new Echoes({
      limits: this.#deps.limits,
      counters: this.#counters,
      book,
      notes: this.#notes,
      filter,
      subscriptionOf: (channel) => this.#subscriptionOf(channel),
      barrier: (channel) => this.#barrier(channel),
    });
  }

  #openCounts(): UpstreamCounts {
    return new UpstreamCounts({
      api: this.#api,
      waitMs: this.#deps.limits.subscribeWaitMs,
      isConnected: () => this.isConnected,
      ownSubscriptions: (channel) =>
        this.presence.channel(channel)?.memberCount ?? (this.#subscriptionOf(channel) === 'none' ? 0 : 1),
      otherBridges: () => this.#notes.others.bridges,
      ownSockets: () => {
        const { own, proxied } = this.#notes.others;
        return this.#ownSockets + this.#proxiedSockets + own + proxied;
      },
    });
  }

  get #ownSockets(): number {
    const { app, probeSockets } = this.#deps;
    return this.presence.connectionCount + (this.isConnected ? 1 : 0) + probeSockets(app.id);
  }

  get #proxiedSockets(): number {
    return this.#deps.proxiedSockets(this.#deps.app.id);
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
