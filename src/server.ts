import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { StaticApps } from './apps/static.ts';
import type { Config } from './config.ts';
import type { App } from './core/app.ts';
import { Announcer } from './core/announcer.ts';
import { Drain } from './core/drain.ts';
import { FanOut } from './core/fan-out.ts';
import { Gateway } from './core/gateway.ts';
import { Hub } from './core/hub.ts';
import { Liveness, type LivenessLimits } from './core/liveness.ts';
import type { Journal, Stores } from './core/ports.ts';
import { Users } from './core/users.ts';
import { registerHttp } from './http/plugin.ts';
import { openStores } from './stores/index.ts';
import { PeerReader } from './transports/peer.ts';
import { type KeyPair, readKeyPair } from './transports/tls.ts';
import { WebSocketTransport } from './transports/websocket.ts';

const TICK_MS = 1000;
/** Slow clients of the HTTP API are cut off: headers, body, idle connections. */
const HTTP_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 72_000;
const CHECK_CONNECTIONS_MS = 2_000;
const MAX_HEADER_BYTES = 16 * 1024;
const BACKLOG = 4096;
/** No message and no request body is larger, whatever an operator allows. */
const CEILING_BYTES = 16 * 1024 * 1024;
/** After the goodbyes, time for answers and close frames to arrive. */
const FAREWELL_MS = 1000;

/** A running server. */
export interface Server {
  readonly port: number;
  readonly secure: boolean;
  /** Sockets that are established. */
  connections(): number;
  /** SPEC 2.13. Resolves when everybody has gone; called again, it hastens. */
  stop(): Promise<void>;
  /** Reads the certificate again. */
  reloadTls(): void;
}

/** Puts the house together and opens its door. Rejects when it cannot listen. */
export async function startServer(config: Config, journal: Journal): Promise<Server> {
  const keyPair = readKeyPair(config.tls);
  const stores = await openStores(config.redis, config.cutoverStateFile, journal);
  const core = assemble(config, stores, journal);
  const http = createHttp(config, keyPair);
  const shutdown = new Shutdown(config, core, http, stores);
  registerHttp(http, {
    ...core,
    api: { ...stores, ...core },
    journal,
    clock: Date.now,
    health: { isReady: () => !shutdown.begun && stores.isReady() },
    prefix: config.path,
    refuseReplays: config.replayProtection === 'strict',
  });
  transport(config, core.gateway).attach(http.server);
  stores.control.onTerminate((app, user) => core.users.terminate(app, user));
  await stores.broker.start((ref, event) => {
    if (!core.users.heard(ref, event)) core.hub.deliver(ref, event);
  });
  await http.listen({ host: config.host, port: config.port, backlog: BACKLOG });
  core.start();
  return {
    port: (http.server.address() as AddressInfo).port,
    secure: keyPair !== undefined,
    connections: () => core.hub.size,
    stop: () => shutdown.stop(),
    reloadTls: () => reloadTls(config, http, journal),
  };
}

type Core = ReturnType<typeof assemble>;

/** The core over its stores, and the one clockwork that moves it. */
function assemble(config: Config, stores: Stores, journal: Journal) {
  const clock = Date.now;
  const apps = new StaticApps(config.scaling ? config.apps : config.apps.map(withoutHistory));
  const buffers = { softBytes: config.softBufferBytes, hardBytes: config.maxBufferBytes };
  const hub = new Hub({ ...stores, fanOut: new FanOut(buffers, journal), journal });
  const users = new Users({ ...stores, hub, clock });
  const announcer = new Announcer({ ...stores, journal, clock });
  const liveness = new Liveness({ hub, clock, journal, limits: livenessLimits(config) });
  const limits = {
    connections: config.maxConnections,
    connectionsPerAddress: config.maxConnectionsPerAddress,
  };
  const gateway = new Gateway({ ...stores, apps, hub, users, announcer, journal, clock, limits });
  let ticker: NodeJS.Timeout | undefined;
  const tick = (): void => {
    liveness.sweep();
    users.tick();
    announcer.tick();
  };
  return {
    apps,
    hub,
    users,
    gateway,
    start: () => void (ticker = setInterval(tick, TICK_MS)),
    stop: () => clearInterval(ticker),
  };
}

/** The only node is never behind: it needs to remember nothing but what greets new subscribers. */
const withoutHistory = (app: App): App => ({ ...app, historySize: 0, historyRules: [] });

const livenessLimits = (config: Config): LivenessLimits => ({
  pongTimeoutMs: config.pongTimeoutSeconds * 1000,
  stallMs: config.stallSeconds * 1000,
  bufferedTotalBytes: config.maxBufferTotalBytes,
});

/** SPEC 2.13: nobody new, an answer to what is in flight, a paced goodbye to everybody. */
class Shutdown {
  readonly #config: Config;
  readonly #core: Core;
  readonly #http: FastifyInstance;
  readonly #stores: Stores;
  #drain: Drain | undefined;
  #done: Promise<void> | undefined;

  constructor(config: Config, core: Core, http: FastifyInstance, stores: Stores) {
    this.#config = config;
    this.#core = core;
    this.#http = http;
    this.#stores = stores;
  }

  get begun(): boolean {
    return this.#done !== undefined;
  }

  /** Called again, it hastens what is under way. */
  stop(): Promise<void> {
    this.#drain?.hasten();
    return (this.#done ??= this.#run());
  }

  async #run(): Promise<void> {
    const { hub, gateway } = this.#core;
    gateway.stopAdmitting();
    const closed = this.#http.close();
    this.#drain = new Drain(hub.connections(), this.#config.drainSeconds * 1000);
    await this.#drain.run();
    await farewell(hub);
    const patience = setTimeout(() => this.#http.server.closeAllConnections(), FAREWELL_MS);
    await closed;
    clearTimeout(patience);
    this.#core.stop();
    await this.#stores.close();
  }
}

function createHttp(config: Config, keyPair: KeyPair | undefined): FastifyInstance {
  const options = {
    logger: false,
    bodyLimit: largest(config, 'requestBytes'),
    requestTimeout: HTTP_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle' as const,
    routerOptions: { maxParamLength: 1024, querystringParser: () => ({}) },
    frameworkErrors: (
      _error: unknown,
      _request: unknown,
      reply: { code(status: number): { send(body: string): void } },
    ) => reply.code(400).send('Bad request.'),
  };
  const tuning = {
    headersTimeout: HTTP_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_CONNECTIONS_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // From Node 24.9 on: an offer to speak HTTP/2 (Java's client makes it) is passed over, as RFC 9110 wants.
    shouldUpgradeCallback: (request: IncomingMessage) =>
      request.headers.upgrade?.toLowerCase() === 'websocket',
  };
  return Fastify({
    ...options,
    ...(keyPair === undefined ? { http: tuning } : { https: { ...tuning, ...keyPair } }),
  } as object);
}

function transport(config: Config, gateway: Gateway): WebSocketTransport {
  return new WebSocketTransport({
    gateway,
    peers: new PeerReader(config.trustedProxies),
    prefix: config.path,
    messageBytes: largest(config, 'messageBytes'),
    fragmentsPerMessage: largest(config, 'fragmentsPerMessage'),
  });
}

/** The largest of all apps; each app's own limit is checked once the app is known. */
function largest(config: Config, name: 'requestBytes' | 'messageBytes' | 'fragmentsPerMessage'): number {
  return Math.max(...config.apps.map(({ limits }) => Math.min(limits[name] || CEILING_BYTES, CEILING_BYTES)));
}

/** Waits for the close frames to be answered, but not for those who never answer. */
async function farewell(hub: Hub): Promise<void> {
  for (let waited = 0; hub.size > 0 && waited < FAREWELL_MS; waited += 50) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  for (const connection of hub.connections()) connection.terminate();
}

function reloadTls(config: Config, http: FastifyInstance, journal: Journal): void {
  const server = http.server as unknown as { setSecureContext?: (keyPair: KeyPair) => void };
  try {
    const keyPair = readKeyPair(config.tls);
    if (keyPair !== undefined) server.setSecureContext?.(keyPair);
  } catch (error) {
    journal.warn('The certificate was not read again', { reason: (error as Error).message });
  }
}
