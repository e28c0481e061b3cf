import type { FastifyReply } from 'fastify';
import type { App } from '../core/app.ts';
import type { AppTraffic } from '../core/traffic/app-traffic.ts';
import type { Rate, RequestRate } from '../core/ports/nodes/request-rate.ts';
import { httpError } from './errors.ts';

/**
 * Takes one of the app's tokens for a request (SPEC 8.15), and says in the header fields that Laravel's `throttle` has how many
 * are left. Throws a 429 when there is none. Called for requests with a valid signature only, after replay protection: nobody
 * without the secret can use up tokens.
 */
export async function takeToken(
  requestRate: RequestRate,
  { id, limits }: App,
  traffic: AppTraffic,
  reply: FastifyReply,
): Promise<void> {
  if (limits.requestsPerSecond === 0) return;
  const rate: Rate = {
    perSecond: limits.requestsPerSecond,
    burst: limits.requestBurst === 0 ? limits.requestsPerSecond : limits.requestBurst,
  };
  const { isTaken, remaining, waitMs } = await requestRate.take(id, rate);
  void reply.headers({ 'X-RateLimit-Limit': rate.burst, 'X-RateLimit-Remaining': remaining });
  if (isTaken) return;
  traffic.apiOverRate += 1;
  const retryAfter = `${Math.ceil(waitMs / 1000)}`;
  throw httpError(429, { 'retry-after': retryAfter }, { expected: `${rate.perSecond} requests a second` });
}
