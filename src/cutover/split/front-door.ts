import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Credential, encode, type ErrorEntry, errors } from '#protocol';
import type { App } from '../../core/app.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { ConnectionQuota } from '../../core/ports/stores.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { Gateway, Session } from '../../core/ports/transport.ts';
import type { Refusals } from '../../core/refusals/refusals.ts';
import type { SocketLimits } from '../../core/client/socket-limits.ts';
import { ignore } from '../../core/util/ignore.ts';
import type { UpgradeRequest } from './upgrade-request.ts';
import { isLoop, type UpstreamRoute } from '../proxy/forwarded.ts';
import { hasBody, isHandshake } from '../proxy/handshake.ts';
import { LocalSide } from './local-side.ts';
import type { HealthSink } from '../ports/health-sink.ts';
import type { CutoverOptions } from '../ports/options.ts';
import type { Percentage } from '../ports/percentage.ts';
import type { UpgradeHandler } from '../ports/upgrade-handler.ts';
import type { Side } from '../sides.ts';
import { answerOf, RefusedUpgrades } from './refused-upgrades.ts';
import { requestedSide as requestedSideOf, SIDE_HEADER } from './side-header.ts';
import { chooseBucket, sideOf, type ClientInfo } from './split.ts';
import { hasOneHost } from './request-target.ts';
import { type ProxyFullness, UpstreamSide } from './upstream-side.ts';

const PLAIN_KEY = /^[\w.~!$&'()*+,=:@-]{1,256}$/;
const DOTS = /^\.+$/;

/** The server behind the front door. */
export interface LocalServer {
  isReady(): boolean;
  /** False while no client is admitted because memory is short. */
  acceptsConnections(): boolean;
  /** The app key when the request is for `{prefix}/app/{key}`. */
  appKey(request: IncomingMessage): string | undefined;
  /** An app that is configured here. */
  app(appKey: string): App | undefined;
  clientInfo(request: IncomingMessage): ClientInfo;
  readonly gateway: Gateway;
  /** Counts proxied sockets as well. */
  readonly sockets: SocketLimits;
  readonly quota: Pick<ConnectionQuota, 'admit' | 'dismiss'>;
  readonly refusals: Pick<Refusals, 'count'>;
  /** Time without progress after which a reader is ended. */
  readonly stallMs: number;
  /** Time that a socket has for its last bytes. */
  readonly lingerMs: number;
  readonly transport: UpgradeHandler;
}

export interface FrontDoorOptions {
  readonly options: CutoverOptions;
  readonly prefix: string;
  readonly percentage: Percentage;
  readonly health: HealthSink;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly server: LocalServer;
  /** Never leaves this server. */
  readonly adminToken: string | undefined;
}

export interface FrontDoorCounts {
  /** Sockets at this moment. */
  readonly sockets: Readonly<Record<Side, number>>;
  /** Upgrades since the start, by the side that served them. */
  readonly opened: Readonly<Record<Side, number>>;
  /** Upgrades that one side served because the other could not. */
  readonly failovers: Readonly<Record<Side, number>>;
}

/** Serves every upgrade at its side, or at the other one when that fails (SPEC 11.1 to 11.3). */
export class FrontDoor {
  readonly route: UpstreamRoute;
  readonly local: LocalSide;
  readonly upstream: UpstreamSide;
  readonly #options: FrontDoorOptions;
  readonly #refused: RefusedUpgrades;
  readonly #opened = { wavehall: 0, upstream: 0 };
  readonly #failovers = { wavehall: 0, upstream: 0 };

  constructor(options: FrontDoorOptions) {
    const { options: cutover, prefix, health, logger, clock, server, adminToken } = options;
    this.#options = options;
    this.route = { upstream: cutover.upstream, prefix, frontDoorId: randomUUID(), adminToken };
    this.local = new LocalSide(server.gateway, health);
    const { sockets, quota, refusals, stallMs, lingerMs, transport } = server;
    const refused = (this.#refused = new RefusedUpgrades(sockets, transport));
    const limits = { idleMs: cutover.idleMs, stallMs };
    const shared = { route: this.route, health, logger, clock, quota };
    this.upstream = new UpstreamSide({ ...shared, refused, sockets, limits, lingerMs, refusals });
  }

  /** Never throws. Only a handshake for an app may go to the upstream; the server answers the rest. */
  upgrade(request: IncomingMessage, network: Duplex, head: Buffer): void {
    const { server, clock } = this.#options;
    network.on('error', ignore);
    const client = server.clientInfo(request);
    if (isLoop(request, this.route)) return this.#refuse(network, client, '508 Loop Detected');
    const appKey = server.appKey(request);
    if (appKey === undefined || !isHandshake(request))
      return server.transport.upgrade(request, network, head);
    if (hasBody(request) || !hasOneHost(request)) return this.#refuse(network, client, '400 Bad Request');
    const app = server.app(appKey);
    if (app === undefined && !this.#mayBeOfUpstream(appKey))
      return server.transport.upgrade(request, network, head);
    const decided = this.#decide(request, client, app?.credentials);
    const upgrade = { request, network, head, client, app, sinceMs: clock(), ...decided };
    if (this.#sideOf(upgrade) === 'upstream') void this.#proxy(upgrade, false);
    else if (upgrade.requestedSide !== undefined || server.isReady()) this.#serveLocally(upgrade, false);
    else this.#failOver(upgrade);
  }

  /** Refuses CONNECT: there is no tunnel. */
  connect(request: IncomingMessage, network: Duplex): void {
    network.on('error', ignore);
    this.#refuse(network, this.#options.server.clientInfo(request), '405 Method Not Allowed');
  }

  tick(): void {
    this.upstream.tick();
  }

  /** Ends every socket that is proxied to the upstream. */
  terminate(): void {
    this.upstream.terminate();
  }

  counts(): FrontDoorCounts {
    return {
      sockets: { wavehall: this.local.size, upstream: this.upstream.tunnels.size },
      opened: { ...this.#opened },
      failovers: { ...this.#failovers },
    };
  }

  /** True for an unknown key that may be one of the upstream's; a key that some servers read as a path is refused. */
  #mayBeOfUpstream(appKey: string): boolean {
    return this.#options.options.proxyHttp && PLAIN_KEY.test(appKey) && !DOTS.test(appKey);
  }

  #decide(
    { headers }: IncomingMessage,
    client: ClientInfo,
    credentials: readonly Credential[] | undefined,
  ): Pick<UpgradeRequest, 'requestedSide' | 'choice'> {
    const { options } = this.#options;
    if (credentials === undefined) return { requestedSide: undefined, choice: undefined };
    const side = requestedSideOf(credentials, headers[SIDE_HEADER]);
    if (side !== undefined) return { requestedSide: side, choice: undefined };
    const { cookie, origin, 'user-agent': userAgent } = headers;
    return {
      requestedSide: side,
      choice: chooseBucket(options.sticky, { client, cookie, origin, userAgent }),
    };
  }

  /** An unknown key belongs to the upstream. */
  #sideOf({ requestedSide, choice }: UpgradeRequest): Side {
    if (choice === undefined) return requestedSide ?? 'upstream';
    return sideOf(choice.bucket, this.#options.percentage.percent);
  }

  #serveLocally(
    { request, network, head, sinceMs, requestedSide, choice }: UpgradeRequest,
    isFallback: boolean,
  ): void {
    const { server, clock } = this.#options;
    const tookMs = (): number => clock() - sinceMs;
    if (choice === undefined) {
      const forProbes: Gateway = { opened: (...opening) => this.local.openedProbe(...opening) };
      const context = requestedSide === undefined ? undefined : { gateway: forProbes };
      return server.transport.upgrade(request, network, head, context);
    }
    this.#count('wavehall', isFallback);
    const gateway: Gateway = {
      opened: (socket, handshake) => this.local.opened(socket, handshake, choice.bucket, tookMs),
    };
    server.transport.upgrade(request, network, head, { gateway, headerLine: choice.cookieLine });
  }

  /** Proxies although the bucket is Wavehall's; serves here after all when the upstream cannot be reached either. */
  #failOver(upgrade: UpgradeRequest): void {
    void this.#proxy(upgrade, true);
  }

  async #proxy(upgrade: UpgradeRequest, isFallback: boolean): Promise<void> {
    const outcome = await this.upstream.proxy(upgrade);
    if (typeof outcome === 'string') this.#refuseFull(upgrade, outcome);
    else if (outcome) {
      if (upgrade.choice !== undefined) this.#count('upstream', isFallback);
    } else if (upgrade.requestedSide === undefined) this.#serveLocally(upgrade, !isFallback);
    else this.#refuse(upgrade.network, upgrade.client, '502 Bad Gateway');
  }

  /** Refuses as a client of this side is refused (SPEC 2.7). */
  #refuseFull(
    { request, network, head, client: { address }, app }: UpgradeRequest,
    full: ProxyFullness,
  ): void {
    const { server } = this.#options;
    server.refusals.count(full, { address, ...(app && { app: app.id }) });
    const gateway = full === 'app_quota' ? OVER_QUOTA : OVER_CAPACITY;
    server.transport.upgrade(request, network, head, { gateway });
  }

  #refuse(network: Duplex, { address }: ClientInfo, status: string): void {
    this.#options.server.refusals.count('cutover_upgrade', { address, status });
    this.#refused.refuse(network, address, answerOf(status));
  }

  #count(side: Side, isFallback: boolean): void {
    this.#opened[side] += 1;
    if (isFallback) this.#failovers[side] += 1;
  }
}

const IGNORING: Session = { received: ignore, alive: ignore, closed: ignore };

const refusing = ({ code, message }: ErrorEntry): Gateway => ({
  opened(socket) {
    socket.write(socket.encoder.encode(encode.error(code, message, false)));
    socket.close(code, message);
    return IGNORING;
  },
});
const OVER_CAPACITY = refusing(errors.overCapacity);
const OVER_QUOTA = refusing(errors.overQuota);
