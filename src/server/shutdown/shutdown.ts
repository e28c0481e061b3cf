import type { FastifyInstance } from 'fastify';
import type { DrainTimes } from '../../config/clients/drain.ts';
import type { Hub } from '../../core/channels/hub.ts';
import { Connection } from '../../core/client/connection.ts';
import type { Departures } from '../../core/drain/departures.ts';
import { Drain, type Drainable } from '../../core/drain/drain.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { Stores } from '../../core/ports/stores.ts';
import { sleep } from '../../core/util/time.ts';
import type { Cutover } from '../../cutover/plugin.ts';
import type { OpenSockets } from '../entrances/open-sockets.ts';
import { endKeptConnections, stopListening } from './listening.ts';

/** Time for the last answers and close frames to arrive, in ms. */
const CLOSE_GRACE_MS = 1000;
const CHECK_MS = 50;
/** Time for which the ports still take connections after the last socket has left: a publisher may just be connecting. */
const LAST_REQUESTS_MS = 200;
/** Members of a presence channel on this node from which on its sockets are closed last: all members receive each leave. */
export const MANY_MEMBERS = 100;

export interface ShutdownDeps {
  readonly times: DrainTimes;
  readonly core: {
    readonly hub: Hub;
    readonly gateway: { stopAdmitting(): void };
    readonly departures: Pick<Departures, 'begin' | 'end' | 'waiting'>;
    stop(): void;
  };
  /** The HTTP servers of all ports. */
  readonly http: readonly FastifyInstance[];
  readonly openSockets: readonly Pick<OpenSockets, 'destroyAll' | 'size'>[];
  readonly stores: Pick<Stores, 'close' | 'clusterLoad'>;
  readonly cutover: Cutover | undefined;
  /** Reports to the other nodes that this one is behind; a node that stops does not. */
  readonly loadReport: { stop(): void } | undefined;
  /** Delivers until all clients have left, and ends what is on its way within its own bound; the rest stays in the outbox. */
  readonly webhooks: { close(): Promise<void>; reportDropped(): void } | undefined;
  /** A step for each connection right before its close, bounded by the drain (see `StepsBeforeClose`). */
  readonly beforeClose?: ((connection: Connection) => Promise<void>) | undefined;
  /** Reads the apps again and again. */
  readonly appsWatch?: { stop(): void } | undefined;
  readonly logger: Pick<Logger, 'warn'>;
}

/** SPEC 2.13: closes the clients at a pace, and takes publishes until the last one has left. */
export class Shutdown {
  readonly #deps: ShutdownDeps;
  /** Aborted by the second call. */
  readonly #hurry = new AbortController();
  #drain: Drain<Drainable> | undefined;
  #done: Promise<void> | undefined;
  #isClosing = false;
  #isReplaced = false;

  constructor(deps: ShutdownDeps) {
    this.#deps = deps;
  }

  /** True from the first call on: the server is not ready. */
  get begun(): boolean {
    return this.#done !== undefined;
  }

  /** True when new clients are refused. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Sockets that are still to be closed; 0: nothing stops. */
  get socketsLeft(): number {
    if (!this.begun) return 0;
    return this.#drain?.left ?? this.#sockets().length;
  }

  /**
   * Drains and closes everything; a second call ends the drain, and the wait for webhooks on their way, at once. `isReplaced`:
   * other processes serve the ports already, so that this one takes no new connection and has no delay.
   */
  stop({ isReplaced = false } = {}): Promise<void> {
    if (this.#done !== undefined) this.#hurry.abort();
    return (this.#done ??= this.#run(isReplaced));
  }

  async #run(isReplaced: boolean): Promise<void> {
    const { times, http, loadReport } = this.#deps;
    this.#isReplaced = isReplaced;
    loadReport?.stop();
    http.forEach(endKeptConnections);
    if (isReplaced) http.forEach(stopListening);
    else if (times.delayMs > 0) await this.#delay(times.delayMs);
    await this.#closeSockets();
    await this.#closePorts();
    await this.#closeStores();
  }

  async #delay(delayMs: number): Promise<void> {
    const { logger, core } = this.#deps;
    logger.warn('The server stops: /ready answers 503, and all is served until the delay has passed', {
      delaySeconds: delayMs / 1000,
      sockets: core.hub.size,
    });
    await sleep(delayMs, this.#hurry.signal);
  }

  async #closeSockets(): Promise<void> {
    const { core, cutover } = this.#deps;
    const startedMs = performance.now();
    this.#isClosing = true;
    core.gateway.stopAdmitting();
    core.departures.begin();
    const sockets = this.#sockets();
    this.#drain = this.#drainOf(sockets);
    await Promise.all([this.#drain.run(), cutover?.stopWatching()]);
    await awaitCloseFrames(core.hub);
    this.#logEnd(sockets.length, performance.now() - startedMs);
    await this.#awaitReturns();
    await cutover?.stop();
    if (sockets.length > 0) await sleep(LAST_REQUESTS_MS, this.#hurry.signal);
  }

  #sockets(): Drainable[] {
    const { core, cutover } = this.#deps;
    return [...core.hub.connections(), ...(cutover?.proxiedSockets() ?? [])];
  }

  #drainOf(sockets: readonly Drainable[]): Drain<Drainable> {
    const { times, core, beforeClose } = this.#deps;
    return new Drain(sockets, {
      windowMs: times.drainMs,
      mostMs: times.mostMs,
      isLast: (socket) => socket instanceof Connection && core.hub.isAmongMembers(socket, MANY_MEMBERS),
      isSlowed: this.#slowedBy(),
      beforeClose:
        beforeClose && ((socket) => (socket instanceof Connection ? beforeClose(socket) : undefined)),
      hurry: this.#hurry.signal,
    });
  }

  /** True while other nodes are behind; the first time is logged. */
  #slowedBy(): () => boolean {
    const { stores, logger, times } = this.#deps;
    let isLogged = false;
    return () => {
      const nodes = stores.clusterLoad?.nodesBehind ?? 0;
      if (nodes > 0 && !isLogged) {
        isLogged = true;
        logger.warn('Other nodes are behind: the drain is slower until they have caught up', {
          nodes,
          mostSeconds: times.mostMs / 1000,
        });
      }
      return nodes > 0;
    };
  }

  #logEnd(sockets: number, tookMs: number): void {
    this.#deps.logger.warn('The server stops: all its clients were asked to reconnect', {
      sockets,
      seconds: seconds(tookMs),
      slowedSeconds: seconds(this.#drain?.slowedMs ?? 0),
      hurried: this.#hurry.signal.aborted ? 'by a second signal' : 'no',
    });
  }

  /** Waits until the members of the last closed sockets have had their time to come back; there must be another process for that. */
  async #awaitReturns(): Promise<void> {
    const { core, stores, logger } = this.#deps;
    const mayReturn = this.#isReplaced || stores.clusterLoad !== undefined;
    const members = core.departures.waiting;
    if (mayReturn && members > 0)
      logger.warn('The server stops: it waits until its members are back on other nodes or processes', {
        members,
      });
    await core.departures.end(mayReturn ? this.#hurry.signal : AbortSignal.abort());
  }

  /** Answers the requests that have arrived; those without an answer in time are ended. */
  async #closePorts(): Promise<void> {
    const { http, openSockets } = this.#deps;
    http.forEach(stopListening);
    const keptUntilMs = performance.now() + CLOSE_GRACE_MS;
    while (openSockets.some(({ size }) => size > 0) && performance.now() < keptUntilMs) await sleep(CHECK_MS);
    // Ends the rest: requests, refused sockets, sockets without an answer, and proxied ones.
    const grace = setTimeout(() => openSockets.forEach((each) => each.destroyAll()), CLOSE_GRACE_MS);
    await Promise.all(http.map((each) => each.close()));
    clearTimeout(grace);
  }

  async #closeStores(): Promise<void> {
    const { core, stores, webhooks, appsWatch } = this.#deps;
    core.stop();
    appsWatch?.stop();
    // A request that is not awaited stays in the outbox: it is sent again.
    await Promise.race([webhooks?.close(), whenAborted(this.#hurry.signal)]);
    await stores.close();
    webhooks?.reportDropped();
  }
}

/** Waits up to `CLOSE_GRACE_MS` for clients to answer the close frame, then terminates the rest. */
async function awaitCloseFrames(hub: Hub): Promise<void> {
  for (let waited = 0; hub.size > 0 && waited < CLOSE_GRACE_MS; waited += CHECK_MS) {
    await sleep(CHECK_MS);
  }
  for (const connection of hub.connections()) connection.terminate('drain');
}

function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

const seconds = (ms: number): number => Math.round(ms / 100) / 10;
