import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Config } from '../../config/index.ts';
import type { Refusals } from '../../core/refusals/refusals.ts';
import { countRefusal } from '../../http/count-refusal.ts';
import { PeerReader } from '../../transports/peer.ts';
import type { KeyPair } from '../../transports/tls.ts';
import { RequestInTurn } from './pipelining.ts';

const CHECK_CONNECTIONS_MS = 2_000;

const BAD_PATH = 'Bad request.';
/** Characters of one segment of a path: an id or a channel name, percent-encoded. */
const MAX_PART_CHARACTERS = 1024;

/** Creates the HTTP server that receives all requests and upgrades. */
export function createHttp(
  config: Config,
  keyPair: KeyPair | undefined,
  refusals: Refusals,
): FastifyInstance {
  const node = nodeOptions(config);
  const http = Fastify({
    ...fastifyOptions(config, refusals),
    ...(keyPair === undefined
      ? { http: node }
      : { https: { ...node, ...keyPair, handshakeTimeout: timeoutMs(config) } }),
  } as object) as FastifyInstance;
  // No limit on the number of header lines: their bytes are limited. Otherwise Node would drop lines, those of the body's framing among them.
  http.server.maxHeadersCount = 0;
  return http;
}

const timeoutMs = (config: Config): number => config.requestTimeoutSeconds * 1000;

const fastifyOptions = (config: Config, refusals: Refusals) => {
  const { addressOf } = new PeerReader(config.trustedProxies);
  return {
    logger: false,
    bodyLimit: config.largest.requestBytes,
    requestTimeout: timeoutMs(config),
    keepAliveTimeout: config.keepAliveSeconds * 1000,
    forceCloseConnections: 'idle' as const,
    // A request on a kept connection is served until the stores are closed.
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PART_CHARACTERS, querystringParser: () => ({}) },
    // A path that no router can read.
    frameworkErrors: (_error: unknown, request: FastifyRequest, reply: FastifyReply) => {
      countRefusal({ refusals, clock: Date.now, addressOf }, request, { status: 400, body: BAD_PATH });
      return reply.code(400).send(BAD_PATH);
    },
  };
};

const nodeOptions = (config: Config) => ({
  IncomingMessage: RequestInTurn,
  // Also set here: Node compares both timeouts before Fastify sets its own.
  requestTimeout: timeoutMs(config),
  headersTimeout: timeoutMs(config),
  connectionsCheckingInterval: CHECK_CONNECTIONS_MS,
  // Node refuses from this number on.
  maxHeaderSize: config.maxHeaderBytes + 1,
});

/** WAVEHALL_MAX_LINGERING, or by default 5 % of the connections that are allowed; without that number, 1000. */
export function maxLingering(config: Pick<Config, 'maxLingering' | 'maxConnections'>): number {
  if (config.maxLingering > 0) return config.maxLingering;
  return config.maxConnections === 0 ? 1000 : Math.max(8, Math.floor(config.maxConnections / 20));
}
