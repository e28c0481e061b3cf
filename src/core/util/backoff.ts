export interface BackoffOptions {
  readonly firstMs: number;
  readonly mostMs: number;
  /** The pause is multiplied by a random factor between these two; without them it is exact. */
  readonly jitter?: readonly [least: number, most: number];
}

/** Exponential backoff: `firstMs` before the first retry, then twice as long each time, up to `mostMs`. */
export function backoffMs(
  retry: number,
  { firstMs, mostMs, jitter: [least, most] = EXACT }: BackoffOptions,
): number {
  return Math.min(mostMs, firstMs * 2 ** retry) * (least + Math.random() * (most - least));
}

const EXACT = [1, 1] as const;
