import type { App } from '../core/app.ts';
import { Drain, type Drainable } from '../core/drain.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Broker, Stores } from '../core/ports/cluster.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Socket } from '../core/ports/transport.ts';
import { openBridge } from './bridge/index.ts';
import { FrontDoor, type LocalServer } from './split/front-door.ts';
import { leadsHere } from './proxy/http-proxy.ts';
import { SharedPercentage } from './split/percentage.ts';
import type { Bridge, CutoverOptions, HealthSink } from './ports.ts';
import type { CutoverStatus } from './status/status-report.ts';
import { ownSite, upstreamSite } from './probe/sites.ts';
import { sideOf } from './split/split.ts';
import { openWatch, type Watch } from './watch/watch.ts';

const TICK_MS = 1000;

export interface CutoverNeeds {
  readonly options: CutoverOptions;
  readonly apps: readonly App[];
  readonly prefix: string;
  readonly stores: Stores;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Time over which sockets are asked to come again. */
  readonly moveMs: number;
  /** Never leaves this server. */
  readonly adminToken: string | undefined;
}

/** A socket of this side that can be asked to come again. */
export interface LocalConnection extends Drainable {
  readonly socket: Socket;
}

/** Two servers side by side: the door, the bridge, the percentage, and who watches over them. */
export class Cutover {
  /** The stores as the core is to use them: what goes through them crosses the bridge. */
  readonly stores: Stores;
  readonly percentage: SharedPercentage;
  readonly health: HealthSink;
  readonly #needs: CutoverNeeds;
  readonly #bridge: Bridge;
  readonly #watch: Watch;
  #door: FrontDoor | undefined;
  #house: LocalServer | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #ownUrl = new URL('http://127.0.0.1');

  constructor(needs: CutoverNeeds) {
    const { options, apps, stores, logger, clock } = needs;
    const [app] = [...apps.filter(({ enabled }) => enabled), ...apps];
    if (app === undefined) throw new Error('There is no app to move.');
    this.#needs = needs;
    this.percentage = new SharedPercentage({ shared: stores.state, clock, logger, first: options.percent });
    this.#watch = openWatch({
      limits: options.watch,
      percentage: this.percentage,
      logger,
      clock,
      sites: () => ({
        wavehall: ownSite(app, this.#ownUrl, options.upstream.origin),
        upstream: upstreamSite(app, options.upstream),
      }),
      isFull: () => this.#house?.hasRoom() === false,
      bridgedForMs: (channel) => this.#bridge.subscribedForMs(app.id, channel),
      notify: options.notifyUrl && { url: options.notifyUrl, credential: app.credentials[0] },
    });
    this.health = this.#watch.health;
    const { upstream, queue: limits } = options;
    const probeSockets = (id: string): number => (id === app.id ? this.#watch.probesThere() : 0);
    const proxiedSockets = (id: string): number => this.#door?.upstream.ledOf(id) ?? 0;
    this.#bridge = openBridge({
      upstream,
      apps,
      logger,
      limits,
      health: this.health,
      probeSockets,
      proxiedSockets,
    });
    const bridged = this.#bridge.bridged(stores);
    this.stores = { ...bridged, broker: watchedBroker(bridged.broker, this.health) };
  }

  /** What was set before this start counts before anybody comes. */
  load(): Promise<void> {
    return this.percentage.tick();
  }

  /** The door before the house; it moves the house's residents when that is wanted (SPEC 11.4). */
  openDoor(house: LocalServer, residents: () => Iterable<LocalConnection>): FrontDoor {
    const { options, prefix, logger, clock, adminToken } = this.#needs;
    const { percentage, health } = this;
    this.#house = house;
    const door = new FrontDoor({ options, prefix, percentage, health, logger, clock, house, adminToken });
    percentage.onChange((percent, move) => {
      const { changedBy } = percentage.state;
      logger.warn('The share of the browsers for Wavehall has changed', { percent, by: changedBy });
      if (move) void new Drain(this.#misplaced(door, residents()), this.#needs.moveMs).run();
    });
    return (this.#door = door);
  }

  /** `ownUrl`: where this server listens. A bridge to itself would never come to an end. */
  async start(ownUrl: URL): Promise<void> {
    this.#ownUrl = ownUrl;
    this.#ticker = setInterval(() => {
      this.#door?.tick();
      void this.percentage.tick();
    }, TICK_MS);
    if (this.#door !== undefined && (await leadsHere(this.#door.route))) {
      const { href } = this.#needs.options.upstream.url;
      this.#needs.logger.warn(
        'WAVEHALL_CUTOVER_UPSTREAM: expected the address of the other server, not of this one',
        { upstream: href },
      );
      return;
    }
    this.#bridge.start();
    this.#watch.start();
  }

  /** Sockets that end with this process without being its own. */
  passing(): Iterable<Drainable & { terminate(): void }> {
    return this.#door?.upstream.pairs ?? [];
  }

  /** Why nobody can connect to the other server at this moment; `undefined`: it answers. */
  readonly whyOtherIsAway = (): Promise<string | undefined> => this.#watch.whyOtherIsAway();

  /** Before the shutdown looks like a breach. */
  async stopWatching(): Promise<void> {
    clearInterval(this.#ticker);
    await this.#watch.stop();
  }

  /** True while browsers are, or may come to be, on the other side. */
  get hasBrowsersElsewhere(): boolean {
    return (
      this.percentage.percent < 100 ||
      (this.#door?.upstream.pairs.size ?? 0) > 0 ||
      this.#bridge.othersProxy()
    );
  }

  /** When nobody is connected any more. */
  async stop(): Promise<void> {
    this.#door?.terminate();
    await this.#bridge.stop();
  }

  status(): CutoverStatus {
    const { percentage } = this;
    const { sockets, opened, failovers } = this.#door?.counts() ?? NOBODY;
    return {
      upstream: this.#needs.options.upstream.url.href,
      percentage: { ...percentage.state, isShared: percentage.isShared },
      split: { open: sockets, total: opened, failovers },
      watch: this.#watch.status(),
      bridge: this.#bridge.state(),
    };
  }

  /** Whoever is on the other side than a browser of his bucket would be now; asked again when it is his turn to go. */
  *#misplaced(door: FrontDoor, residents: Iterable<LocalConnection>): Iterable<Drainable> {
    const isMisplaced = (bucket: number | undefined, side: string): boolean =>
      bucket !== undefined && sideOf(bucket, this.percentage.percent) !== side;
    for (const resident of residents) {
      const bucket = door.own.bucketOf(resident.socket);
      if (!isMisplaced(bucket, 'wavehall')) continue;
      yield { close: (reason) => isMisplaced(bucket, 'wavehall') && resident.close(reason) };
    }
    for (const pair of door.upstream.pairs) {
      if (!isMisplaced(pair.bucket, 'upstream')) continue;
      yield { close: () => isMisplaced(pair.bucket, 'upstream') && pair.close() };
    }
  }
}

const NONE = { wavehall: 0, upstream: 0 } as const;
const NOBODY = { sockets: NONE, opened: NONE, failovers: NONE } as const;

/** Only what fails on our side counts: whom the client's signature keeps out does not come so far. */
function watchedBroker(broker: Broker, health: HealthSink): Broker {
  return {
    start: (deliver) => broker.start(deliver),
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
  };
}
