import type { FastifyInstance } from 'fastify';
import { Drain } from '../core/drain.ts';
import { sleep } from '../core/util/time.ts';
import type { Gateway } from '../core/client/gateway.ts';
import type { Hub } from '../core/channels/hub.ts';
import type { Stores } from '../core/ports/cluster.ts';
import type { OpenSockets } from './open-sockets.ts';
import type { Cutover } from '../cutover/plugin.ts';

/** After the goodbyes, time for answers and close frames to arrive. */
const FAREWELL_MS = 1000;

export interface ShutdownNeeds {
  readonly drainMs: number;
  readonly core: { readonly hub: Hub; readonly gateway: Gateway; stop(): void };
  readonly http: FastifyInstance;
  readonly openSockets: Pick<OpenSockets, 'destroyAll'>;
  readonly stores: Stores;
  readonly cutover: Cutover | undefined;
}

/** SPEC 2.13: nobody new, an answer to what is in flight, a paced goodbye to everybody. */
export class Shutdown {
  readonly #needs: ShutdownNeeds;
  #drain: Drain | undefined;
  #done: Promise<void> | undefined;

  constructor(needs: ShutdownNeeds) {
    this.#needs = needs;
  }

  get begun(): boolean {
    return this.#done !== undefined;
  }

  /** Called again, it hastens what is under way. */
  stop(): Promise<void> {
    this.#drain?.finishNow();
    return (this.#done ??= this.#run());
  }

  async #run(): Promise<void> {
    const { core, http, openSockets, stores, cutover, drainMs } = this.#needs;
    core.gateway.stopAdmitting();
    const closed = http.close();
    this.#drain = new Drain([...core.hub.connections(), ...(cutover?.proxiedSockets() ?? [])], drainMs);
    await Promise.all([this.#drain.run(), cutover?.stopWatching()]);
    await farewell(core.hub);
    await cutover?.stop();
    // Whatever is left: requests, sockets that were refused or never answered, those of the other side.
    const patience = setTimeout(() => openSockets.destroyAll(), FAREWELL_MS);
    await closed;
    clearTimeout(patience);
    core.stop();
    await stores.close();
  }
}

/** Waits for the close frames to be answered, but not for those who never answer. */
async function farewell(hub: Hub): Promise<void> {
  for (let waited = 0; hub.size > 0 && waited < FAREWELL_MS; waited += 50) {
    await sleep(50);
  }
  for (const connection of hub.connections()) connection.terminate();
}
