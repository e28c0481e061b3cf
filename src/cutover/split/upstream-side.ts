import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { sleep } from '../../core/util/time.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { ConnectionQuota } from '../../core/ports/cluster.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { Refusals } from '../../core/refusals.ts';
import type { Fullness, SocketLimits } from '../../core/client/socket-limits.ts';
import type { UpgradeRequest } from './upgrade-request.ts';
import { reasonOf } from '../proxy/ask.ts';
import { type Accepted, askUpgrade, type Refused, type UpgradeAnswer } from '../proxy/ask-upgrade.ts';
import type { Route } from '../proxy/forwarded.ts';
import { join } from '../proxy/tunnel.ts';
import { type CountedSocket, Tunnel, type TunnelLimits, Tunnels } from '../proxy/tunnels.ts';
import type { HealthSink } from '../ports.ts';
import type { RefusedUpgrades } from './refused-upgrades.ts';
import type { ClientInfo } from './split.ts';

/** One warning in this time about an other side that cannot be reached. */
const QUIET_MS = 60_000;

/** The limit that stands against one more socket that is led. */
export type LedFullness = Fullness | 'app_quota';

/**
 * A client that leaves and comes again at once may find its own place still taken: until the other server has closed, its
 * socket counts. It is asked for again, so often and after such a pause.
 */
const QUOTA_TRIES = 5;
const QUOTA_PAUSE_MS = 50;
/** More newcomers than these do not wait for a place at once. */
const MOST_WAITING = 100;

interface Needs {
  readonly route: Route;
  readonly health: HealthSink;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly refused: RefusedUpgrades;
  readonly sockets: SocketLimits;
  readonly quota: Pick<ConnectionQuota, 'admit' | 'dismiss'>;
  readonly limits: TunnelLimits;
  /** Time for what is on its way to one end of a pair when the other is gone. */
  readonly lingerMs: number;
  readonly refusals: Pick<Refusals, 'count'>;
}

/** Leads sockets through to the other side (SPEC 11.2, 11.3). */
export class UpstreamSide {
  readonly pairs = new Tunnels();
  readonly #needs: Needs;
  readonly #asking = new Set<AbortController>();
  readonly #led = new Map<string, number>();
  #waiting = 0;
  #warnedAtMs = -QUIET_MS;

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  /**
   * Never rejects. False: the other side does not take it; a limit: it has no place. In both cases the browser has not
   * heard anything yet.
   */
  async lead(arrival: UpgradeRequest): Promise<boolean | LedFullness> {
    const dismiss = await this.#admit(arrival);
    if (dismiss === undefined) return 'app_quota';
    const full = this.#fullness(arrival.visitor);
    if (full === undefined) return this.#lead(arrival, dismiss);
    dismiss();
    return full;
  }

  /** Sockets of the app that are led, probes left out. */
  ledOf(app: string): number {
    return this.#led.get(app) ?? 0;
  }

  async #lead(arrival: UpgradeRequest, dismiss: () => void): Promise<boolean> {
    const { sockets } = this.#needs;
    const held = sockets.hold(arrival.visitor.address);
    const browser = (): void => {
      held();
      dismiss();
    };
    const release = [browser, sockets.hold()] as const;
    const answer = await this.#ask(arrival);
    if (answer instanceof Error || answer.socket === undefined) for (const each of release) each();
    else holdUntilClosed(arrival.network, answer.socket, release);
    if (answer instanceof Error) {
      if (arrival.choice !== undefined && isAway(answer)) this.#report(arrival.sinceMs, false);
      this.#warn(answer);
      return false;
    }
    if (answer.socket === undefined) this.#passRefusal(arrival, answer);
    else this.#join(arrival, answer);
    return true;
  }

  /** Its two ends are two sockets of this node. */
  #fullness({ address }: ClientInfo): Fullness | undefined {
    return this.#needs.sockets.fullness(() => address, 2);
  }

  /** Ends pairs that nothing passes through, and those whose reader has stopped. Called about once a second. */
  tick(): void {
    const { clock, limits, refusals } = this.#needs;
    const nowMs = clock();
    for (const pair of this.pairs) {
      const reason = pair.judge(nowMs, limits);
      if (reason === undefined) continue;
      refusals.count(reason === 'idle' ? 'cutover_idle' : 'slow_reader', { side: 'the other server' });
      pair.terminate();
    }
  }

  /** Ends what passes through, and what waits for an answer. */
  terminate(): void {
    for (const asking of this.#asking) asking.abort();
    for (const pair of this.pairs) pair.terminate();
  }

  /** SPEC 2.7: takes one of the app's connections for a client of the other side. Resolves with its release; `undefined`: none is left. */
  async #admit({ app, choice, network }: UpgradeRequest): Promise<(() => void) | undefined> {
    if (app === undefined || choice === undefined) return () => undefined;
    const { quota } = this.#needs;
    const admit = () => quota.admit(app.id, app.limits.connections);
    let isAdmitted = await admit();
    const mayWait = this.#waiting < MOST_WAITING;
    this.#waiting += 1;
    for (let tries = 1; mayWait && tries < QUOTA_TRIES && !isAdmitted && !network.destroyed; tries += 1) {
      await sleep(QUOTA_PAUSE_MS);
      isAdmitted = await admit();
    }
    this.#waiting -= 1;
    if (!isAdmitted) return undefined;
    this.#countLed(app.id, 1);
    return () => {
      this.#countLed(app.id, -1);
      quota.dismiss(app.id);
    };
  }

  #countLed(app: string, change: 1 | -1): void {
    this.#led.set(app, this.ledOf(app) + change);
  }

  /** 5xx is as good as no answer. */
  async #ask({ request, network, visitor }: UpgradeRequest): Promise<UpgradeAnswer | Error> {
    const asking = new AbortController();
    const gone = (): void => asking.abort();
    this.#asking.add(asking);
    network.once('close', gone);
    try {
      return await askUpgrade(this.#needs.route, request, visitor, asking.signal);
    } catch (error) {
      return error as Error;
    } finally {
      this.#asking.delete(asking);
      network.off('close', gone);
    }
  }

  #passRefusal({ network, visitor }: UpgradeRequest, { head, body }: Refused): void {
    const framing = `Connection: close\r\nContent-Length: ${body.length}`;
    this.#needs.refused.refuse(
      network,
      visitor.address,
      Buffer.concat([Buffer.from(`${head}\r\n${framing}\r\n\r\n`, 'latin1'), body]),
    );
  }

  #join({ network, head, choice, sinceMs }: UpgradeRequest, answer: Accepted): void {
    const { socket, rest } = answer;
    if (network.destroyed) return void socket.destroy();
    // How the socket ends, and when, says nothing: the browser may be the one that ends it.
    if (choice !== undefined) this.#report(sinceMs, true);
    const cookie = choice?.cookieLine === undefined ? '' : `\r\n${choice.cookieLine}`;
    network.write(`${answer.head}\r\nUpgrade: websocket\r\nConnection: Upgrade${cookie}\r\n\r\n`, 'latin1');
    if (rest.length > 0) network.write(rest);
    this.pairs.add(
      new Tunnel(network as CountedSocket, socket, choice?.bucket, this.#needs.clock()),
      network as CountedSocket,
    );
    join(network, socket, head, this.#needs.lingerMs);
  }

  #report(sinceMs: number, isAnswered: boolean): void {
    const { health, clock } = this.#needs;
    health.client('upstream', isAnswered, clock() - sinceMs);
  }

  #warn(reason: Error): void {
    const { clock, logger, route } = this.#needs;
    if (clock() - this.#warnedAtMs < QUIET_MS) return;
    this.#warnedAtMs = clock();
    logger.warn(
      'WAVEHALL_CUTOVER_UPSTREAM: the other server does not take sockets; this one serves them meanwhile',
      { upstream: route.upstream.url.href, reason: reasonOf(reason) },
    );
  }
}

/** Each end counts until it is closed. */
function holdUntilClosed(
  network: Duplex,
  socket: Socket,
  [browser, server]: readonly [() => void, () => void],
): void {
  if (network.destroyed) browser();
  else network.once('close', browser);
  socket.once('close', server);
}

/** What a request of an odd browser may bring about (an answer with 5xx, a closed connection) is not among them. */
const AWAY = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN']);
const isAway = (error: NodeJS.ErrnoException): boolean => AWAY.has(error.code ?? '');
