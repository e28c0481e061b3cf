import { type ClientMessage, errors, ProtocolError, subscriptionRateLimit } from '#protocol';
import type { Connection } from './connection.ts';
import { FixedWindow, TokenBucket } from './limiters.ts';
import { STOP_READING } from './reading.ts';

/** Shortest wait of a client that is too fast. Several of its messages go on together: a timer for each would cost more. */
const LEAST_WAIT_MS = 20;

/**
 * SPEC 2.12: the wait of a message whose client is too fast; its later ones wait behind it, unread. Nothing is lost.
 * `undefined`: the message need not wait; pings and pongs never do.
 */
export function waitForTurn(
  from: Connection,
  message: ClientMessage | ProtocolError,
  clock: () => number,
): Promise<void> | undefined {
  const { messagesPerSecond, messageBurst } = from.app.limits;
  if (messagesPerSecond === 0 || isSignOfLife(message)) return undefined;
  const limiters = (from.limiters ??= {});
  const bucket = (limiters.messages ??= new TokenBucket(messagesPerSecond, messageBurst, clock()));
  if (bucket.take(clock())) return undefined;
  const waitMs = Math.max(LEAST_WAIT_MS, Math.ceil(bucket.msUntilNext(clock())));
  return waitUnread(from, waitMs).then(() => bucket.takeUnchecked(clock()));
}

/** Stops reading and resolves after the time, or as soon as the connection closes, so that it leaves at once. */
function waitUnread(from: Connection, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      from.socket.resumeReading(STOP_READING.tooManyMessages);
      from.endRateWait = undefined;
      resolve();
    };
    const timer = setTimeout(end, waitMs);
    from.endRateWait = end;
    from.socket.stopReading(STOP_READING.tooManyMessages);
  });
}

/** Reverb's limiter, off unless configured. Throws the refusal (SPEC 2.12). */
export function checkRateLimit(
  from: Connection,
  message: ClientMessage | ProtocolError,
  nowMs: number,
): void {
  const { rateLimiting } = from.app;
  if (rateLimiting === undefined || message instanceof ProtocolError || isSignOfLife(message)) return;
  const limiters = (from.limiters ??= {});
  limiters.window ??= new FixedWindow(rateLimiting.maxAttempts, rateLimiting.decaySeconds);
  if (limiters.window.take(nowMs)) return;
  throw message.kind === 'subscribe'
    ? subscriptionRateLimit(message.channel)
    : new ProtocolError(errors.rateLimit);
}

const isSignOfLife = (message: ClientMessage | ProtocolError): boolean =>
  !(message instanceof ProtocolError) && (message.kind === 'ping' || message.kind === 'pong');

/** SPEC 5.5. */
export function withinClientEventRate(from: Connection, nowMs: number): boolean {
  const { clientEventsPerSecond: rate } = from.app.limits;
  if (rate === 0) return true;
  from.limiters ??= {};
  from.limiters.clientEvents ??= new TokenBucket(rate, rate, nowMs);
  return from.limiters.clientEvents.take(nowMs);
}
