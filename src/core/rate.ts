import { type ClientMessage, errors, ProtocolError } from '#protocol';
import type { Connection } from './connection.ts';
import { FixedWindow, FloodGuard, TokenBucket } from './limiters.ts';

/** SPEC 2.12. False: look at this message no further. A ping is never the message that trips a limit. */
export function withinRate(from: Connection, message: ClientMessage | ProtocolError, nowMs: number): boolean {
  if (message instanceof ProtocolError) return !floods(from, nowMs);
  if (message.kind === 'ping' || message.kind === 'pong') return true;
  return !floods(from, nowMs) && withinWindow(from, nowMs);
}

/** The guard against floods: on by default, far above what clients do. */
function floods(from: Connection, nowMs: number): boolean {
  const { messagesPerSecond, messageBurst } = from.app.limits;
  if (messagesPerSecond === 0) return false;
  from.limiters ??= {};
  from.limiters.flood ??= new FloodGuard(messagesPerSecond, messageBurst, nowMs);
  const verdict = from.limiters.flood.judge(nowMs);
  if (verdict === 'tell') from.refuse(new ProtocolError(errors.rateLimit));
  if (verdict === 'end') from.end(errors.rateLimitTerminated);
  return verdict !== 'take';
}

/** Reverb's limiter, off unless configured. */
function withinWindow(from: Connection, nowMs: number): boolean {
  const { rateLimiting } = from.app;
  if (rateLimiting === undefined) return true;
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
