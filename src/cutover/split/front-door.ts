import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Credential, encode, type ErrorEntry, errors } from '#protocol';
import type { App } from '../../core/app.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { ConnectionQuota } from '../../core/ports/cluster.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { Gateway, Session } from '../../core/ports/transport.ts';
import type { Refusals } from '../../core/refusals.ts';
import type { SocketLimits } from '../../core/client/socket-limits.ts';
import { ignore } from '../../core/util/ignore.ts';
import type { UpgradeRequest } from './upgrade-request.ts';
import { isOurOwn, type Route } from '../proxy/forwarded.ts';
import { hasBody, isHandshake } from '../proxy/handshake.ts';
import { LocalSide } from './local-side.ts';
import type { CutoverOptions, HealthSink, Percentage, Side, UpgradeHandler } from '../ports.ts';
import { answerOf, RefusedUpgrades } from './refused-upgrades.ts';
import { sideAsked, SIDE_HEADER } from './side-header.ts';
import { chooseBucket, sideOf, type ClientInfo } from './split.ts';
import { hasOneHost } from './request-target.ts';
import { type LedFullness, UpstreamSide } from './upstream-side.ts';

const PLAIN_KEY = /^[\w.~!$&'()*+,=:@-]{1,256}$/;
const DOTS = /^\.+$/;

/** What the door knows of the house behind it. */
export interface LocalServer {
  isReady(): boolean;
  /** False while nobody is let in because memory is short. */
  hasRoom(): boolean;
  /** The app key when the request is for `{prefix}/app/{key}`. */
  appKey(request: IncomingMessage): string | undefined;
  /** An app that is configured here. */
  app(appKey: string): App | undefined;
  visitor(request: IncomingMessage): ClientInfo;
  readonly gateway: Gateway;
  /** Count the sockets that pass through as well. */
  readonly sockets: SocketLimits;
  readonly quota: Pick<ConnectionQuota, 'admit' | 'dismiss'>;
  readonly refusals: Pick<Refusals, 'count'>;
  /** Time without progress after which a reader is ended. */
  readonly stallMs: number;
  /** Time that a socket has for its last bytes. */
  readonly lingerMs: number;
  readonly transport: UpgradeHandler;
}

export interface FrontDoorNeeds {
  readonly options: CutoverOptions;
  readonly prefix: string;
  readonly percentage: Percentage;
  readonly health: HealthSink;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly house: LocalServer;
  /** Never leaves this server. */
  readonly adminToken: string | undefined;
}

export interface FrontDoorCounts {
  /** Sockets at this moment. */
  readonly sockets: Readonly<Record<Side, number>>;
  /** Upgrades since the start, by the side that served them. */
  readonly opened: Readonly<Record<Side, number>>;
  /** Of these, those that the other side should have served. */
  readonly failovers: Readonly<Record<Side, number>>;
}

/** Takes every upgrade and leads it to its side, or to the side that works (SPEC 11.1 to 11.3). */
export class FrontDoor {
  readonly route: Route;
  readonly own: LocalSide;
  readonly upstream: UpstreamSide;
  readonly #needs: FrontDoorNeeds;
  readonly #refused: RefusedUpgrades;
  readonly #opened = { wavehall: 0, upstream: 0 };
  readonly #failovers = { wavehall: 0, upstream: 0 };

  constructor(needs: FrontDoorNeeds) {
    const { options, prefix, health, logger, clock, house, adminToken } = needs;
    this.#needs = needs;
    this.route = { upstream: options.upstream, prefix, door: randomUUID(), adminToken };
    this.own = new LocalSide(house.gateway, health);
    const { sockets, quota, refusals, stallMs, lingerMs, transport } = house;
    const refused = (this.#refused = new RefusedUpgrades(sockets, transport));
    const limits = { idleMs: options.idleMs, stallMs };
    const shared = { route: this.route, health, logger, clock, quota };
    this.upstream = new UpstreamSide({ ...shared, refused, sockets, limits, lingerMs, refusals });
  }

  /** Never throws. Nothing but a handshake for an app may leave for the other side; the house answers the rest. */
  upgrade(request: IncomingMessage, network: Duplex, head: Buffer): void {
    const { house, clock } = this.#needs;
    network.on('error', ignore);
    const visitor = house.visitor(request);
    if (isOurOwn(request, this.route)) return this.#refuse(network, visitor, '508 Loop Detected');
    const appKey = house.appKey(request);
    if (appKey === undefined || !isHandshake(request)) return house.transport.upgrade(request, network, head);
    if (hasBody(request) || !hasOneHost(request)) return this.#refuse(network, visitor, '400 Bad Request');
    const app = house.app(appKey);
    if (app === undefined && !this.#mayBeTheirs(appKey))
      return house.transport.upgrade(request, network, head);
    const decided = this.#decide(request, visitor, app?.credentials);
    const arrival = { request, network, head, visitor, app, sinceMs: clock(), ...decided };
    if (this.#sideOf(arrival) === 'upstream') void this.#lead(arrival, false);
    else if (arrival.asked !== undefined || house.isReady()) this.#serve(arrival, false);
    else this.#leadInstead(arrival);
  }

  /** CONNECT asks for a tunnel; there is none. */
  connect(request: IncomingMessage, network: Duplex): void {
    network.on('error', ignore);
    this.#refuse(network, this.#needs.house.visitor(request), '405 Method Not Allowed');
  }

  tick(): void {
    this.upstream.tick();
  }

  /** Ends every socket that is led to the other side. */
  terminate(): void {
    this.upstream.terminate();
  }

  counts(): FrontDoorCounts {
    return {
      sockets: { wavehall: this.own.size, upstream: this.upstream.pairs.size },
      opened: { ...this.#opened },
      failovers: { ...this.#failovers },
    };
  }

  /** A key that is not ours may be the other side's; one that is a path to some servers is nobody's. */
  #mayBeTheirs(appKey: string): boolean {
    return this.#needs.options.pass && PLAIN_KEY.test(appKey) && !DOTS.test(appKey);
  }

  #decide(
    { headers }: IncomingMessage,
    visitor: ClientInfo,
    credentials: readonly Credential[] | undefined,
  ): Pick<UpgradeRequest, 'asked' | 'choice'> {
    const { options } = this.#needs;
    if (credentials === undefined) return { asked: undefined, choice: undefined };
    const asked = sideAsked(credentials, headers[SIDE_HEADER]);
    if (asked !== undefined) return { asked, choice: undefined };
    const { cookie, origin, 'user-agent': userAgent } = headers;
    return { asked, choice: chooseBucket(options.sticky, { visitor, cookie, origin, userAgent }) };
  }

  /** A key that is not ours is the other side's. */
  #sideOf({ asked, choice }: UpgradeRequest): Side {
    if (choice === undefined) return asked ?? 'upstream';
    return sideOf(choice.bucket, this.#needs.percentage.percent);
  }

  #serve({ request, network, head, sinceMs, asked, choice }: UpgradeRequest, isFallback: boolean): void {
    const { house, clock } = this.#needs;
    const tookMs = (): number => clock() - sinceMs;
    if (choice === undefined) {
      const forProbes: Gateway = { opened: (...opening) => this.own.openedProbe(...opening) };
      const context = asked === undefined ? undefined : { gateway: forProbes };
      return house.transport.upgrade(request, network, head, context);
    }
    this.#count('wavehall', isFallback);
    const gateway: Gateway = {
      opened: (socket, handshake) => this.own.opened(socket, handshake, choice.bucket, tookMs),
    };
    house.transport.upgrade(request, network, head, { gateway, headerLine: choice.cookieLine });
  }

  /** To the other side although it is not its turn; to this one after all when that cannot be reached either. */
  #leadInstead(arrival: UpgradeRequest): void {
    void this.#lead(arrival, true);
  }

  async #lead(arrival: UpgradeRequest, isFallback: boolean): Promise<void> {
    const led = await this.upstream.lead(arrival);
    if (typeof led === 'string') this.#refuseFull(arrival, led);
    else if (led) {
      if (arrival.choice !== undefined) this.#count('upstream', isFallback);
    } else if (arrival.asked === undefined) this.#serve(arrival, !isFallback);
    else this.#refuse(arrival.network, arrival.visitor, '502 Bad Gateway');
  }

  /** As a client of this side is refused (SPEC 2.7). */
  #refuseFull(
    { request, network, head, visitor: { address }, app }: UpgradeRequest,
    full: LedFullness,
  ): void {
    const { house } = this.#needs;
    house.refusals.count(full, { address, ...(app && { app: app.id }) });
    const gateway = full === 'app_quota' ? OVER_QUOTA : OVER_CAPACITY;
    house.transport.upgrade(request, network, head, { gateway });
  }

  #refuse(network: Duplex, { address }: ClientInfo, status: string): void {
    this.#needs.house.refusals.count('cutover_upgrade', { address, status });
    this.#refused.refuse(network, address, answerOf(status));
  }

  #count(side: Side, isFallback: boolean): void {
    this.#opened[side] += 1;
    if (isFallback) this.#failovers[side] += 1;
  }
}

const DEAF: Session = { received: ignore, alive: ignore, closed: ignore };

const refusing = ({ code, message }: ErrorEntry): Gateway => ({
  opened(socket) {
    socket.write(socket.encoder.encode(encode.error(code, message, false)));
    socket.close(code, message);
    return DEAF;
  },
});
const OVER_CAPACITY = refusing(errors.overCapacity);
const OVER_QUOTA = refusing(errors.overQuota);
