import type { IncomingMessage, ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { Drain } from '../core/drain.ts';
import { sleep } from '../core/util/time.ts';
import type { Hub } from '../core/channels/hub.ts';
import type { Stores } from '../core/ports/stores.ts';
import type { OpenSockets } from './entrances/open-sockets.ts';
import type { Cutover } from '../cutover/plugin.ts';

/** Time for the last answers and close frames to arrive, in ms. */
const CLOSE_GRACE_MS = 1000;
const CHECK_MS = 50;

export interface ShutdownDeps {
  readonly drainMs: number;
  readonly core: { readonly hub: Hub; readonly gateway: { stopAdmitting(): void }; stop(): void };
  /** Serves clients: it accepts nothing more as soon as the drain begins. */
  readonly http: FastifyInstance;
  /** Serve publishers and operators alone: they stay open until the drain has ended (SPEC 8.13). */
  readonly others: readonly FastifyInstance[];
  readonly openSockets: readonly Pick<OpenSockets, 'destroyAll' | 'size'>[];
  readonly stores: Stores;
  readonly cutover: Cutover | undefined;
  /** Delivers until all clients have left, and ends what is on its way within its own bound; the rest stays in the outbox. */
  readonly webhooks: { close(): Promise<void>; reportDropped(): void } | undefined;
}

/** SPEC 2.13: refuses new clients, answers the requests in flight, and closes the others at a pace. */
export class Shutdown {
  readonly #deps: ShutdownDeps;
  readonly #secondCall: Promise<void>;
  #endNow: () => void = () => undefined;
  #drain: Drain | undefined;
  #done: Promise<void> | undefined;

  constructor(deps: ShutdownDeps) {
    this.#deps = deps;
    this.#secondCall = new Promise((resolve) => (this.#endNow = resolve));
  }

  get begun(): boolean {
    return this.#done !== undefined;
  }

  /** Drains and closes everything; a second call ends the drain, and the wait for webhooks on their way, at once. */
  stop(): Promise<void> {
    if (this.#done !== undefined) this.#endNow();
    this.#drain?.finishNow();
    return (this.#done ??= this.#run());
  }

  async #run(): Promise<void> {
    const { core, http, others, openSockets, stores, cutover, webhooks, drainMs } = this.#deps;
    core.gateway.stopAdmitting();
    stopListening(http);
    let keptUntilMs = performance.now() + CLOSE_GRACE_MS;
    this.#drain = new Drain([...core.hub.connections(), ...(cutover?.proxiedSockets() ?? [])], drainMs);
    await Promise.all([this.#drain.run(), cutover?.stopWatching()]);
    await awaitCloseFrames(core.hub);
    await cutover?.stop();
    for (const each of others) stopListening(each);
    if (others.length > 0) keptUntilMs = performance.now() + CLOSE_GRACE_MS;
    while (openSockets.some(({ size }) => size > 0) && performance.now() < keptUntilMs) await sleep(CHECK_MS);
    const closed = http.close();
    // Ends the rest: requests, refused sockets, sockets without an answer, and proxied ones.
    const grace = setTimeout(() => openSockets.forEach((each) => each.destroyAll()), CLOSE_GRACE_MS);
    await Promise.all([closed, ...others.map((each) => each.close())]);
    clearTimeout(grace);
    core.stop();
    // A request that is not awaited stays in the outbox: it is sent again.
    await Promise.race([webhooks?.close(), this.#secondCall]);
    await stores.close();
    webhooks?.reportDropped();
  }
}

/**
 * Refuses new connections, without closing those that are kept for further requests: a request may be on its way on each
 * of them. Its answer asks the client to close the connection.
 */
function stopListening({ server }: FastifyInstance): void {
  server.prependListener('request', (_: IncomingMessage, answer: ServerResponse) => {
    answer.shouldKeepAlive = false;
  });
  // The method of the HTTP server would close connections without a request as well.
  NetServer.prototype.close.call(server);
}

/** Waits up to `CLOSE_GRACE_MS` for clients to answer the close frame, then terminates the rest. */
async function awaitCloseFrames(hub: Hub): Promise<void> {
  for (let waited = 0; hub.size > 0 && waited < CLOSE_GRACE_MS; waited += CHECK_MS) {
    await sleep(CHECK_MS);
  }
  for (const connection of hub.connections()) connection.terminate('drain');
}
