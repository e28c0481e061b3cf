import type { App } from '../core/app.ts';
import { Drain, type Drainable } from '../core/drain/drain.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Stores } from '../core/ports/stores.ts';
import type { Broker } from '../core/ports/events.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Socket } from '../core/ports/transport.ts';
import { openBridge } from './bridge/index.ts';
import { FrontDoor, type LocalServer } from './split/front-door.ts';
import { isSelf } from './proxy/http-proxy.ts';
import { SharedPercentage } from './split/percentage.ts';
import type { HealthSink } from './ports/health-sink.ts';
import type { CutoverOptions } from './ports/options.ts';
import type { Bridge } from './bridge/bridge.ts';
import type { CutoverStatus } from './status/status-report.ts';
import { ownSite, upstreamSite } from './probe/sites.ts';
import { sideOf } from './split/split.ts';
import { Watch } from './watch/watch.ts';

const CUTOVER_TICK_MS = 1000;

export interface CutoverDeps {
  readonly options: CutoverOptions;
  readonly apps: readonly App[];
  readonly prefix: string;
  readonly stores: Stores;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Time over which moved sockets are asked to reconnect. */
  readonly moveMs: number;
  /** Removed from everything that goes to the upstream. */
  readonly adminToken: string | undefined;
}

/** A connection of this side that can be asked to reconnect. */
export interface LocalConnection extends Drainable {
  readonly socket: Socket;
}

/** Two servers side by side: front door, bridge, percentage and watch. */
export class Cutover {
  /** The stores for the core: what goes through them crosses the bridge. */
  readonly stores: Stores;
  readonly percentage: SharedPercentage;
  readonly health: HealthSink;
  readonly #deps: CutoverDeps;
  readonly #bridge: Bridge;
  readonly #watch: Watch;
  #frontDoor: FrontDoor | undefined;
  #server: LocalServer | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #ownUrl = new URL('http://127.0.0.1');
  #ownApiUrl: URL | undefined;

  constructor(deps: CutoverDeps) {
    const { options, apps, stores, logger, clock } = deps;
    const [app] = [...apps.filter(({ enabled }) => enabled), ...apps];
    if (app === undefined) throw new Error('There is no app to move.');
    this.#deps = deps;
    this.percentage = new SharedPercentage({ shared: stores.state, clock, logger, first: options.percent });
    this.#watch = this.#openWatch(app);
    this.health = this.#watch.health;
    this.#bridge = this.#openBridge(app);
    const bridged = this.#bridge.bridged(stores);
    this.stores = { ...bridged, broker: brokerWithHealth(bridged.broker, this.health) };
  }

  #openWatch(app: App): Watch {
    const { options, logger, clock } = this.#deps;
    const { upstream, notifyUrl } = options;
    return new Watch({
      limits: options.watch,
      percentage: this.percentage,
      logger,
      clock,
      sites: () => ({
        wavehall: { ...ownSite(app, this.#ownUrl, upstream.origin), apiUrl: this.#ownApiUrl },
        upstream: upstreamSite(app, upstream),
      }),
      isFull: () => this.#server?.acceptsConnections() === false,
      bridgedForMs: (channel) => this.#bridge.subscribedForMs(app.id, channel),
      notify: notifyUrl && { url: notifyUrl, credential: app.credentials[0] },
    });
  }

  /** `watched`: the app in which the watch has its canary. */
  #openBridge(watched: App): Bridge {
    const { options, apps, logger } = this.#deps;
    return openBridge({
      upstream: options.upstream,
      apps,
      logger,
      limits: options.queue,
      health: this.health,
      probeSockets: (id) => (id === watched.id ? this.#watch.upstreamProbes() : 0),
      proxiedSockets: (id) => this.#frontDoor?.upstream.socketsOf(id) ?? 0,
    });
  }

  /** Reads the percentage that was set before this start. */
  load(): Promise<void> {
    return this.percentage.tick();
  }

  /** Opens the front door before the server, and moves the server's connections when the percentage changes (SPEC 11.4). */
  openFrontDoor(server: LocalServer, connections: () => Iterable<LocalConnection>): FrontDoor {
    const { options, prefix, logger, clock, adminToken } = this.#deps;
    const { percentage, health } = this;
    this.#server = server;
    const frontDoor = new FrontDoor({
      options,
      prefix,
      percentage,
      health,
      logger,
      clock,
      server,
      adminToken,
    });
    let from = percentage.percent;
    percentage.onChange((percent, move) => {
      const { changedBy } = percentage.state;
      logger.warn('The cutover percentage changed', {
        from,
        percent,
        by: changedBy,
        move: move ? 'yes' : 'no',
      });
      from = percent;
      if (move)
        void new Drain(this.#misplaced(frontDoor, connections()), { windowMs: this.#deps.moveMs }).run();
    });
    return (this.#frontDoor = frontDoor);
  }

  /**
   * `ownUrl`: where this server listens, and where it serves the HTTP API. Bridge and watch do not start when the upstream is
   * this server.
   */
  async start(ownUrl: URL | undefined, ownApiUrl: URL | undefined): Promise<void> {
    this.#ownUrl = ownUrl ?? this.#ownUrl;
    this.#ownApiUrl = ownApiUrl;
    this.#ticker = setInterval(() => {
      this.#frontDoor?.tick();
      void this.percentage.tick();
    }, CUTOVER_TICK_MS);
    if (this.#frontDoor !== undefined && (await isSelf(this.#frontDoor.route))) {
      const { href } = this.#deps.options.upstream.url;
      this.#deps.logger.warn(
        'WAVEHALL_CUTOVER_UPSTREAM: expected the address of the upstream, not of this server; bridge and health checks are off',
        { upstream: href },
      );
      return;
    }
    this.#bridge.start();
    this.#watch.start();
  }

  /** Sockets of clients of the upstream that pass through this process. */
  proxiedSockets(): Iterable<Drainable & { terminate(): void }> {
    return this.#frontDoor?.upstream.tunnels ?? [];
  }

  /** Reason why the upstream cannot be reached; `undefined`: it answers. */
  readonly whyUpstreamIsAway = (): Promise<string | undefined> => this.#watch.whyUpstreamIsAway();

  /** Stops the watch before the shutdown looks like a breach. */
  async stopWatching(): Promise<void> {
    clearInterval(this.#ticker);
    await this.#watch.stop();
  }

  /** True while browsers are, or may come to be, at the upstream. */
  get hasUpstreamBrowsers(): boolean {
    return (
      this.percentage.percent < 100 ||
      (this.#frontDoor?.upstream.tunnels.size ?? 0) > 0 ||
      this.#bridge.othersProxy()
    );
  }

  /** Stops when no client is connected any more. */
  async stop(): Promise<void> {
    this.#frontDoor?.terminate();
    await this.#bridge.stop();
  }

  status(): CutoverStatus {
    const { percentage } = this;
    const { sockets, opened, failovers } = this.#frontDoor?.counts() ?? NO_SPLIT_COUNTS;
    return {
      upstream: this.#deps.options.upstream.url.href,
      percentage: { ...percentage.state, isShared: percentage.isShared },
      split: { open: sockets, total: opened, failovers },
      watch: this.#watch.status(),
      bridge: this.#bridge.state(),
    };
  }

  /** Connections whose bucket no longer belongs to the side that serves them. Checked again right before each close: the percentage may have changed. */
  *#misplaced(frontDoor: FrontDoor, connections: Iterable<LocalConnection>): Iterable<Drainable> {
    const isMisplaced = (bucket: number | undefined, side: string): boolean =>
      bucket !== undefined && sideOf(bucket, this.percentage.percent) !== side;
    for (const connection of connections) {
      const bucket = frontDoor.local.bucketOf(connection.socket);
      if (!isMisplaced(bucket, 'wavehall')) continue;
      yield { close: (reason) => isMisplaced(bucket, 'wavehall') && connection.close(reason) };
    }
    for (const tunnel of frontDoor.upstream.tunnels) {
      if (!isMisplaced(tunnel.bucket, 'upstream')) continue;
      yield { close: () => isMisplaced(tunnel.bucket, 'upstream') && tunnel.close() };
    }
  }
}

const ZERO_BY_SIDE = { wavehall: 0, upstream: 0 } as const;
const NO_SPLIT_COUNTS = { sockets: ZERO_BY_SIDE, opened: ZERO_BY_SIDE, failovers: ZERO_BY_SIDE } as const;

/** Counts failures of the broker only: subscriptions with an invalid signature do not reach it. */
function brokerWithHealth(broker: Broker, health: HealthSink): Broker {
  return {
    start: (deliver, replayed) => broker.start(deliver, replayed),
    async subscribe(ref) {
      try {
        await broker.subscribe(ref);
      } catch (error) {
        health.fault('subscribes');
        throw error;
      }
    },
    unsubscribe: (ref) => broker.unsubscribe(ref),
    publish: (ref, event, keep) => broker.publish(ref, event, keep),
    publishOnce: (ref, event, once, keep) => broker.publishOnce(ref, event, once, keep),
  };
}
