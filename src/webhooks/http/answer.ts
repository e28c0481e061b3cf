import type { SendResult } from '../sink.ts';

const MOST_RETRY_AFTER_MS = 300_000;
/** Refusals of a moment; every other 4xx is final. */
const PASSING: ReadonlySet<number> = new Set([408, 409, 425, 429]);

/** Judges an answer: 2xx is success; a redirect is a failure, because it is not followed. */
export function resultOf(status: number, retryAfter: string | undefined, nowMs: number): SendResult {
  if (status >= 200 && status < 300) return { isDelivered: true, status };
  const retryAfterMs = retryAfterMsOf(retryAfter, nowMs);
  return {
    isDelivered: false,
    reason: `HTTP ${status}`,
    status,
    isFinal: status >= 400 && status < 500 && !PASSING.has(status),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** Reads `Retry-After`, seconds or a date, up to 5 minutes; `undefined`: there is none that can be read. */
export function retryAfterMsOf(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(text.trim()) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MOST_RETRY_AFTER_MS);
}
