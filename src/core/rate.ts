import { type ClientMessage, errors, ProtocolError } from '#protocol';
import type { Connection } from './connection.ts';
import { FixedWindow, FloodGuard, TokenBucket } from './limiters.ts';

/** SPEC 2.12: every message counts. True: look at this one no further. */
export function floods(from: Connection, nowMs: number): boolean {
  const { messagesPerSecond, messageBurst } = from.app.limits;
  if (messagesPerSecond === 0) return false;
  from.limiters ??= {};
  from.limiters.flood ??= new FloodGuard(messagesPerSecond, messageBurst, nowMs);
  const verdict = from.limiters.flood.judge(nowMs);
  if (verdict === 'tell') from.refuse(new ProtocolError(errors.rateLimit));
  if (verdict === 'end') from.end(errors.rateLimitTerminated);
  return verdict !== 'take';
}

/** SPEC 2.12: Reverb's limiter, off unless configured. A ping is never the message that trips it. */
export function withinWindow(from: Connection, kind: ClientMessage['kind'], nowMs: number): boolean {
  const { rateLimiting } = from.app;
  if (rateLimiting === undefined || kind === 'ping' || kind === 'pong') return true;
  from.limiters ??= {};
  from.limiters.window ??= new FixedWindow(rateLimiting.maxAttempts, rateLimiting.decaySeconds);
  if (from.limiters.window.take(nowMs)) return true;
  from.refuse(new ProtocolError(errors.rateLimit));
  if (rateLimiting.terminate) from.end(errors.rateLimitTerminated);
  return false;
}

/** SPEC 5.5. */
export function withinClientEventRate(from: Connection, nowMs: number): boolean {
  const { clientEventsPerSecond: rate } = from.app.limits;
  if (rate === 0) return true;
  from.limiters ??= {};
  from.limiters.clientEvents ??= new TokenBucket(rate, rate, nowMs);
  return from.limiters.clientEvents.take(nowMs);
}
