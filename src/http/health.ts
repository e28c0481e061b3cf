import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { httpError } from './errors.ts';
import { refuseOtherMethods } from './methods.ts';

export type RedisState = 'ok' | 'down' | 'disabled';

export interface RedisHealth {
  readonly redis: RedisState;
  /** Milliseconds of a round trip, the longest of all processes. */
  readonly roundTripMs?: number;
}

/** `warn`: the server works, and an operator should look at its warnings. */
export type HealthWord = 'ok' | 'warn' | 'down';

/** Answer to a request of `/health/detailed`: `hidden` answers 404, because the server has no token. */
export type DetailsAccess = 'allowed' | 'refused' | 'hidden';

/** State of the server, as its health endpoints report it. */
export interface HealthChecks {
  /** True while a load balancer may send new clients here. Resolves within a second, even if a store does not answer. */
  readonly isReady: () => boolean | Promise<boolean>;
  /** Problems that an operator should know of while the server works. */
  readonly warnings: () => readonly string[];
  /** True when a client that connects now is greeted. Never rejects, and is cheap however often it is called. */
  readonly acceptsWebSockets: () => Promise<boolean>;
  /** Never rejects, and is cheap however often it is called. */
  readonly redis: () => Promise<RedisHealth>;
  /** Figures for operators; never rejects. */
  readonly details: () => Promise<object>;
  readonly detailsAccess: (request: FastifyRequest) => DetailsAccess;
}

const PATHS = ['/live', '/ready', '/up', '/health', '/health/websocket', '/health/redis', '/health/detailed'];

/**
 * Serves the health endpoints (SPEC 8.11): unsigned, cheap, and without a word about apps. `/up` answers as Reverb does.
 * `/health/detailed` has figures, for those with access.
 */
export function registerHealth(server: FastifyInstance, checks: HealthChecks): void {
  const { isReady, warnings } = checks;
  for (const url of PATHS) refuseOtherMethods(server, url, 'GET', 'HEAD');
  server.get('/live', () => ({ live: true }));
  server.get('/ready', async (_, reply) => {
    const ready = await isReady();
    const current = warnings();
    return answer(reply, ready, { ready, ...(current.length > 0 && { warnings: current }) });
  });
  server.get('/up', async (_, reply) => {
    const ready = await isReady();
    return answer(reply, ready, { health: ready ? 'OK' : 'DRAINING' });
  });
  server.get('/health', async (_, reply) => {
    const word = await wordOf(checks);
    return answer(reply.type('text/plain; charset=utf-8'), word !== 'down', word);
  });
  server.get('/health/websocket', async (_, reply) => {
    const accepts = await checks.acceptsWebSockets();
    return answer(reply, accepts, { websocket: accepts ? 'ok' : 'down' });
  });
  server.get('/health/redis', async (_, reply) => {
    const redis = await checks.redis();
    return answer(reply, redis.redis !== 'down', redis);
  });
  server.get('/health/detailed', (request, reply) => detailed(checks, request, reply));
}

async function detailed(
  checks: HealthChecks,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const access = checks.detailsAccess(request);
  if (access === 'hidden') throw httpError(404);
  if (access === 'refused')
    return reply
      .code(401)
      .header('www-authenticate', 'Bearer')
      .send({ error: 'Expected "Authorization: Bearer" and the token of WAVEHALL_ADMIN_TOKEN.' });
  const [health, acceptsWebSockets, redis, details] = await Promise.all([
    wordOf(checks),
    checks.acceptsWebSockets(),
    checks.redis(),
    checks.details(),
  ]);
  const websocket = acceptsWebSockets ? 'ok' : 'down';
  return answer(reply, health !== 'down', {
    health,
    warnings: checks.warnings(),
    websocket,
    redis: { state: redis.redis, roundTripMs: redis.roundTripMs },
    ...details,
  });
}

async function wordOf({ isReady, acceptsWebSockets, redis, warnings }: HealthChecks): Promise<HealthWord> {
  if (!(await isReady())) return 'down';
  const [accepts, store] = await Promise.all([acceptsWebSockets(), redis()]);
  if (!accepts || store.redis === 'down') return 'down';
  return warnings().length > 0 ? 'warn' : 'ok';
}

const answer = (reply: FastifyReply, isWell: boolean, body: object | string): FastifyReply =>
  reply.code(isWell ? 200 : 503).send(body);
