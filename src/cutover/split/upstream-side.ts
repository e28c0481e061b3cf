import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { sleep } from '../../core/util/time.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { ConnectionQuota } from '../../core/ports/stores.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { Refusals } from '../../core/refusals/refusals.ts';
import type { Fullness, SocketLimits } from '../../core/client/socket-limits.ts';
import type { UpgradeRequest } from './upgrade-request.ts';
import { errorReason } from '../proxy/upstream-request.ts';
import {
  type Accepted,
  requestUpgrade,
  type Refused,
  type UpgradeAnswer,
} from '../proxy/upstream-upgrade.ts';
import type { UpstreamRoute } from '../proxy/forwarded.ts';
import { pipeBothWays } from '../proxy/tunnel.ts';
import { type CountedSocket, Tunnel, type TunnelLimits, Tunnels } from '../proxy/tunnels.ts';
import type { HealthSink } from '../ports/health-sink.ts';
import type { RefusedUpgrades } from './refused-upgrades.ts';
import type { ClientInfo } from './split.ts';

/** One warning in this time about an upstream that cannot be reached. */
const WARN_EVERY_MS = 60_000;

/** The limit that is reached when one more socket shall be proxied. */
export type ProxyFullness = Fullness | 'app_quota';

/**
 * Attempts to take a place in the app's quota, and the pause between them: a client that reconnects at once may find the
 * quota still used by its old socket, which counts until the upstream has closed it.
 */
const QUOTA_TRIES = 5;
const QUOTA_PAUSE_MS = 50;
/** Upgrades that may wait for the quota at once; more are refused. */
const MOST_WAITING_FOR_QUOTA = 100;

interface UpstreamSideOptions {
  readonly route: UpstreamRoute;
  readonly health: HealthSink;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly refused: RefusedUpgrades;
  readonly sockets: SocketLimits;
  readonly quota: Pick<ConnectionQuota, 'admit' | 'dismiss'>;
  readonly limits: TunnelLimits;
  /** Time for the last bytes to one end of a tunnel when the other has ended. */
  readonly lingerMs: number;
  readonly refusals: Pick<Refusals, 'count'>;
}

/** Proxies WebSockets to the upstream (SPEC 11.2, 11.3). */
export class UpstreamSide {
  readonly tunnels = new Tunnels();
  readonly #options: UpstreamSideOptions;
  readonly #inFlight = new Set<AbortController>();
  readonly #socketsByApp = new Map<string, number>();
  #waiting = 0;
  #warnedAtMs = -WARN_EVERY_MS;

  constructor(options: UpstreamSideOptions) {
    this.#options = options;
  }

  /**
   * Never rejects. False: the upstream did not accept it; a limit: that one is reached. In both cases nothing has been
   * sent to the browser yet.
   */
  async proxy(upgrade: UpgradeRequest): Promise<boolean | ProxyFullness> {
    const dismiss = await this.#admit(upgrade);
    if (dismiss === undefined) return 'app_quota';
    const full = this.#fullness(upgrade.client);
    if (full === undefined) return this.#proxy(upgrade, dismiss);
    dismiss();
    return full;
  }

  /** Proxied sockets of the app, without probes. */
  socketsOf(app: string): number {
    return this.#socketsByApp.get(app) ?? 0;
  }

  async #proxy(upgrade: UpgradeRequest, dismiss: () => void): Promise<boolean> {
    const { sockets } = this.#options;
    const held = sockets.hold(upgrade.client.address);
    const browser = (): void => {
      held();
      dismiss();
    };
    const release = [browser, sockets.hold()] as const;
    const answer = await this.#request(upgrade);
    if (answer instanceof Error || answer.socket === undefined) for (const each of release) each();
    else holdUntilClosed(upgrade.network, answer.socket, release);
    if (answer instanceof Error) {
      if (upgrade.choice !== undefined && isUnreachable(answer)) this.#report(upgrade.sinceMs, false);
      this.#warn(answer);
      return false;
    }
    if (answer.socket === undefined) this.#forwardRefusal(upgrade, answer);
    else this.#openTunnel(upgrade, answer);
    return true;
  }

  /** Checks for two sockets: those of the tunnel's ends. */
  #fullness({ address }: ClientInfo): Fullness | undefined {
    return this.#options.sockets.fullness(() => address, 2);
  }

  /** Ends tunnels that are idle, or whose reader has stopped. Called about once a second. */
  tick(): void {
    const { clock, limits, refusals } = this.#options;
    const nowMs = clock();
    for (const tunnel of this.tunnels) {
      const reason = tunnel.endReason(nowMs, limits);
      if (reason === undefined) continue;
      refusals.count(reason === 'idle' ? 'cutover_idle' : 'slow_reader', { side: 'upstream' });
      tunnel.terminate();
    }
  }

  /** Ends all tunnels, and all upgrades that wait for the upstream's answer. */
  terminate(): void {
    for (const controller of this.#inFlight) controller.abort();
    for (const tunnel of this.tunnels) tunnel.terminate();
  }

  /** SPEC 2.7: takes one of the app's connections for a proxied client. Resolves with its release; `undefined`: none is left. */
  async #admit({ app, choice, network }: UpgradeRequest): Promise<(() => void) | undefined> {
    if (app === undefined || choice === undefined) return () => undefined;
    const { quota } = this.#options;
    const admit = () => quota.admit(app.id, app.limits.connections);
    let isAdmitted = await admit();
    const mayWait = this.#waiting < MOST_WAITING_FOR_QUOTA;
    this.#waiting += 1;
    for (let tries = 1; mayWait && tries < QUOTA_TRIES && !isAdmitted && !network.destroyed; tries += 1) {
      await sleep(QUOTA_PAUSE_MS);
      isAdmitted = await admit();
    }
    this.#waiting -= 1;
    if (!isAdmitted) return undefined;
    this.#count(app.id, 1);
    return () => {
      this.#count(app.id, -1);
      quota.dismiss(app.id);
    };
  }

  #count(app: string, change: 1 | -1): void {
    this.#socketsByApp.set(app, this.socketsOf(app) + change);
  }

  /** Resolves with the upstream's answer; 5xx and no answer are errors. */
  async #request({ request, network, client }: UpgradeRequest): Promise<UpgradeAnswer | Error> {
    const controller = new AbortController();
    const cancel = (): void => controller.abort();
    this.#inFlight.add(controller);
    network.once('close', cancel);
    try {
      return await requestUpgrade(this.#options.route, request, client, controller.signal);
    } catch (error) {
      return error as Error;
    } finally {
      this.#inFlight.delete(controller);
      network.off('close', cancel);
    }
  }

  #forwardRefusal({ network, client }: UpgradeRequest, { head, body }: Refused): void {
    const framing = `Connection: close\r\nContent-Length: ${body.length}`;
    this.#options.refused.refuse(
      network,
      client.address,
      Buffer.concat([Buffer.from(`${head}\r\n${framing}\r\n\r\n`, 'latin1'), body]),
    );
  }

  #openTunnel({ network, head, choice, sinceMs }: UpgradeRequest, answer: Accepted): void {
    const { socket, rest } = answer;
    if (network.destroyed) return void socket.destroy();
    // How and when the socket ends is not reported: the browser may end it.
    if (choice !== undefined) this.#report(sinceMs, true);
    const cookie = choice?.cookieLine === undefined ? '' : `\r\n${choice.cookieLine}`;
    network.write(`${answer.head}\r\nUpgrade: websocket\r\nConnection: Upgrade${cookie}\r\n\r\n`, 'latin1');
    if (rest.length > 0) network.write(rest);
    this.tunnels.add(
      new Tunnel(network as CountedSocket, socket, choice?.bucket, this.#options.clock()),
      network as CountedSocket,
    );
    pipeBothWays(network, socket, head, this.#options.lingerMs);
  }

  #report(sinceMs: number, isAnswered: boolean): void {
    const { health, clock } = this.#options;
    health.client('upstream', isAnswered, clock() - sinceMs);
  }

  #warn(reason: Error): void {
    const { clock, logger, route } = this.#options;
    if (clock() - this.#warnedAtMs < WARN_EVERY_MS) return;
    this.#warnedAtMs = clock();
    logger.warn(
      'New WebSocket connections to the upstream fail: Wavehall serves these clients itself. Check the upstream and WAVEHALL_CUTOVER_UPSTREAM',
      { upstream: route.upstream.url.href, reason: errorReason(reason) },
    );
  }
}

/** Counts each end until it is closed. */
function holdUntilClosed(
  network: Duplex,
  socket: Socket,
  [browser, server]: readonly [() => void, () => void],
): void {
  if (network.destroyed) browser();
  else network.once('close', browser);
  socket.once('close', server);
}

/** Errors that a browser's request cannot cause, unlike a 5xx or a closed connection. */
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
const isUnreachable = (error: NodeJS.ErrnoException): boolean => UNREACHABLE.has(error.code ?? '');
