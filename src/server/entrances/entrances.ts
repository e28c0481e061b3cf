import type { AddressInfo } from 'node:net';
import { getSystemErrorMap } from 'node:util';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config/index.ts';
import { LISTEN_SETTINGS, socketShares } from '../../config/listen.ts';
import type { Refusals } from '../../core/refusals/refusals.ts';
import { localHost } from '../../net/address.ts';
import type { KeyPair } from '../../transports/tls.ts';
import { createHttp } from './http.ts';
import type { PortHandle } from '../handover/peer.ts';
import { OpenSockets } from './open-sockets.ts';

const BACKLOG = 4096;
/** Fastify would listen twice for a name; the address of a socket that is passed on is settled. */
const PASSED_HOST = '0.0.0.0';

/** Paths that a port serves besides the health endpoints. */
interface Serves {
  /** WebSocket clients at `/app`. */
  readonly clients: boolean;
  /** The HTTP API at `/apps`, and the admin API. */
  readonly api: boolean;
  /** `/metrics` and `/health/detailed`, without a token. */
  readonly metrics: boolean;
}

interface EntranceOptions {
  /** Setting of the port, which an error begins with; empty for the main port. */
  readonly setting: string;
  readonly host: string;
  readonly port: number;
  /** `undefined`: plain HTTP. */
  readonly keyPair: KeyPair | undefined;
  readonly maxSockets: number;
  readonly serves: Serves;
}

/** One port of the server, with the HTTP server behind it. */
export class Entrance {
  readonly http: FastifyInstance;
  readonly openSockets: OpenSockets;
  readonly serves: Serves;
  readonly #options: EntranceOptions;

  constructor(options: EntranceOptions, config: Config, refusals: Refusals) {
    this.#options = options;
    this.serves = options.serves;
    this.http = createHttp(config, options.keyPair, refusals);
    this.openSockets = new OpenSockets(this.http.server, options.maxSockets, refusals);
  }

  /** The port that it listens on; `undefined`: it does not listen. */
  get port(): number | undefined {
    return (this.http.server.address() as AddressInfo | null)?.port;
  }

  /** Name of the port, by which a process finds the one that it takes over: the main port keeps its address for ever. */
  get name(): string {
    const { host, port, setting } = this.#options;
    return setting === '' ? 'main' : `${setting} ${host}:${port}`;
  }

  /** The listening socket; `undefined`: it does not listen. */
  get handle(): PortHandle | undefined {
    return (this.http.server as unknown as { readonly _handle: PortHandle | null })._handle ?? undefined;
  }

  /** Listens, at a socket that another process has opened if one is given. Rejects with a sentence that names the setting and the address. */
  async listen(handle?: PortHandle): Promise<void> {
    const { host, port, setting } = this.#options;
    const at = handle === undefined ? { host, port } : { host: PASSED_HOST, handle };
    try {
      await this.http.listen({ ...at, backlog: BACKLOG });
    } catch (error) {
      const reason = reasonOf(error as Error);
      throw new Error(setting === '' ? reason : `${setting}: ${reason}`, { cause: error });
    }
  }

  /** Address at which this process reaches the port, with a path prefix: the loopback if it listens on all addresses. */
  url(prefix: string): URL | undefined {
    const { host, keyPair } = this.#options;
    if (this.port === undefined) return undefined;
    return new URL(`${keyPair === undefined ? 'http' : 'https'}://${localHost(host)}:${this.port}/${prefix}`);
  }
}

/** The ports of a server (SPEC 8.13). */
export interface Entrances {
  /** The port of WebSocket clients. */
  readonly main: Entrance;
  /** The port of the HTTP API: the main one, or one of its own. */
  readonly api: Entrance;
  readonly metrics: Entrance | undefined;
  /** Each port once, in the order in which they listen: the main port last, so that clients find a server that is complete. */
  readonly all: readonly Entrance[];
}

/** Creates the HTTP servers of all ports that are set. */
export function openEntrances(config: Config, keyPair: KeyPair | undefined, refusals: Refusals): Entrances {
  const { host, port, apiPort, apiHost = host, metricsPort, metricsHost, maxSockets } = config;
  const shares = socketShares(config, maxSockets);
  const open = (options: EntranceOptions): Entrance => new Entrance(options, config, refusals);
  const main = open({
    ...{ setting: '', host, port, keyPair, maxSockets: shares.main },
    serves: { clients: true, api: apiPort === undefined, metrics: false },
  });
  const api =
    apiPort === undefined
      ? undefined
      : open({
          ...{ setting: LISTEN_SETTINGS.apiPort.name, host: apiHost, port: apiPort, keyPair },
          maxSockets: shares.api,
          serves: { clients: false, api: true, metrics: false },
        });
  const metrics =
    metricsPort === undefined
      ? undefined
      : open({
          ...{ setting: LISTEN_SETTINGS.metricsPort.name, host: metricsHost, port: metricsPort },
          keyPair: undefined,
          maxSockets: shares.metrics,
          serves: { clients: false, api: false, metrics: true },
        });
  return { main, api: api ?? main, metrics, all: [metrics, api, main].filter((each) => each !== undefined) };
}

/** Words of an error of listening. The primary of several workers calls `bind` for them: its error is put as a single process has it. */
function reasonOf(error: NodeJS.ErrnoException & { address?: string; port?: number }): string {
  const [code, words] = getSystemErrorMap().get(error.errno ?? 0) ?? [];
  if (error.syscall !== 'bind' || code === undefined || words === undefined) return error.message;
  return `listen ${code}: ${words} ${error.address ?? ''}:${error.port ?? ''}`;
}
