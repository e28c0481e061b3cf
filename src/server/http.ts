import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Config } from '../config/index.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Refusals } from '../core/refusals.ts';
import { countRefusal } from '../http/count-refusal.ts';
import { type KeyPair, readKeyPair } from '../transports/tls.ts';
import { RequestInTurn } from './pipelining.ts';

const CHECK_CONNECTIONS_MS = 2_000;
/** No message and no request body is larger, whatever an operator allows. */
const CEILING_BYTES = 16 * 1024 * 1024;

const BAD_PATH = 'Bad request.';
/** Characters of one part of a path: an id or a channel name, as it is written there. */
const MAX_PART_CHARACTERS = 1024;

/** The server that everything comes in by. */
export function createHttp(
  config: Config,
  keyPair: KeyPair | undefined,
  refusals: Refusals,
): FastifyInstance {
  const timeoutMs = config.requestTimeoutSeconds * 1000;
  const options = {
    logger: false,
    bodyLimit: largest(config, 'requestBytes'),
    requestTimeout: timeoutMs,
    keepAliveTimeout: config.keepAliveSeconds * 1000,
    forceCloseConnections: 'idle' as const,
    routerOptions: { maxParamLength: MAX_PART_CHARACTERS, querystringParser: () => ({}) },
    // A path that no router can read.
    frameworkErrors: (_error: unknown, request: FastifyRequest, reply: FastifyReply) => {
      countRefusal({ refusals }, request, { status: 400, body: BAD_PATH });
      return reply.code(400).send(BAD_PATH);
    },
  };
  const tuning = {
    IncomingMessage: RequestInTurn,
    // Said here too: Node checks the one against the other before Fastify says its own.
    requestTimeout: timeoutMs,
    headersTimeout: timeoutMs,
    connectionsCheckingInterval: CHECK_CONNECTIONS_MS,
    // Node refuses from this number on.
    maxHeaderSize: config.maxHeaderBytes + 1,
  };
  const http = Fastify({
    ...options,
    ...(keyPair === undefined
      ? { http: tuning }
      : { https: { ...tuning, ...keyPair, handshakeTimeout: timeoutMs } }),
  } as object) as FastifyInstance;
  // All header lines that there are, whose bytes are limited: with those of the body's framing among them.
  http.server.maxHeadersCount = 0;
  return http;
}

/** The largest of all apps; each app's own limit is checked once the app is known. */
export function largest(
  config: Config,
  name: 'requestBytes' | 'messageBytes' | 'fragmentsPerMessage',
): number {
  return Math.max(...config.apps.map(({ limits }) => Math.min(limits[name] || CEILING_BYTES, CEILING_BYTES)));
}

/** Reads the certificate again; what is of no use leaves the old one in place. */
export function reloadTls(config: Config, http: FastifyInstance, logger: Logger): void {
  const server = http.server as unknown as { setSecureContext?: (keyPair: KeyPair) => void };
  try {
    const keyPair = readKeyPair(config.tls);
    if (keyPair !== undefined) server.setSecureContext?.(keyPair);
  } catch (error) {
    logger.warn('The certificate was not read again', { reason: (error as Error).message });
  }
}
