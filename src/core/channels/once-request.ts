import type { Once } from '../ports/nodes/idempotency.ts';

/** A request with an idempotency key whose events are published once, however often and wherever it is made (SPEC 8.16). */
export interface OnceRequest {
  /** Digest of key, route and body. */
  readonly id: string;
  readonly ttlMs: number;
}

/** One event of the request, by its place in it. Together with the channel it names what is published once. */
export const eventOf = ({ id, ttlMs }: OnceRequest, place: number): Once => ({ id: `${id}:${place}`, ttlMs });
