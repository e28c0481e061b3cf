import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isJsonObject } from '#protocol';
import { isToken } from '../bearer.ts';
import { sendError } from '../routes/answers.ts';
import type { ConsoleOptions } from './options.ts';
import { CONSOLE_HEADER, isOwnOrigin, sessionCookie, sessionIn } from './requests.ts';
import { SESSION_MS } from './sessions.ts';

const MAX_BODY_BYTES = 2048;

/** Adds log-in, log-out and the state of a session (SPEC 17.2). */
export function addSessionRoutes(scope: FastifyInstance, token: string, options: ConsoleOptions): void {
  const { sessions, attempts, mode, client, logger } = options;
  scope.get('/session', async ({ raw }, reply) => {
    const id = isOwnOrigin(raw, client(raw)) ? sessionIn(raw) : undefined;
    reply.header('cache-control', 'no-store');
    if (id !== undefined && (await sessions.has(id))) return { mode };
    return sendError(reply, 401, 'Not logged in.');
  });
  scope.post('/session', { bodyLimit: MAX_BODY_BYTES }, async (request, reply) => {
    if (!isFromPage(request, options)) return refuseForeign(reply);
    const { address } = client(request.raw);
    const waitMs = await attempts.take(address);
    if (waitMs > 0) return refuseForNow(reply, waitMs);
    if (!isToken(tokenIn(request.body), token)) {
      options.refusals.count('console_login', { address });
      return sendError(reply, 401, 'This is not the token of WAVEHALL_ADMIN_TOKEN.');
    }
    await attempts.succeeded(address);
    logger.warn('Log-in to the console', { address });
    return setCookie(request, reply, options, await sessions.open());
  });
  scope.delete('/session', async (request, reply) => {
    if (!isFromPage(request, options)) return refuseForeign(reply);
    const id = sessionIn(request.raw);
    if (id !== undefined) await sessions.close(id);
    return setCookie(request, reply, options, undefined);
  });
}

/** True for a request that only the page of the console can have sent: browsers ask first before another page sends the header. */
const isFromPage = ({ raw }: FastifyRequest, { client }: ConsoleOptions): boolean =>
  raw.headers[CONSOLE_HEADER] !== undefined && isOwnOrigin(raw, client(raw));

const refuseForeign = (reply: FastifyReply): FastifyReply =>
  sendError(reply, 403, 'This request does not come from the page of the console.');

const refuseForNow = (reply: FastifyReply, waitMs: number): FastifyReply => {
  const seconds = Math.ceil(waitMs / 1000);
  reply.header('retry-after', seconds);
  return sendError(reply, 429, `Too many wrong tokens: try again in ${seconds} s.`);
};

const tokenIn = (body: unknown): string =>
  isJsonObject(body) && typeof body['token'] === 'string' ? body['token'] : '';

function setCookie(
  { raw }: FastifyRequest,
  reply: FastifyReply,
  { client, mode }: ConsoleOptions,
  id: string | undefined,
): FastifyReply {
  reply.header('set-cookie', sessionCookie(raw, client(raw), id, SESSION_MS / 1000));
  reply.header('cache-control', 'no-store');
  return id === undefined ? reply.code(204).send() : reply.send({ mode });
}
