import { counter, type Metric, scalar } from '../ports/metric.ts';
import type { IdempotencyKeys } from '../ports/nodes/idempotency.ts';

/** Characters of a digest: 128 bits in base64url. */
export const DIGEST_LENGTH = 22;

export interface IdempotencyLimits {
  /** Keys of an app that are remembered; beyond, those that expire first are forgotten. */
  readonly keys: number;
  /** Bytes of an app's answers that are kept. */
  readonly answerBytes: number;
}

export const DEFAULT_IDEMPOTENCY_LIMITS: IdempotencyLimits = { keys: 100_000, answerBytes: 1024 * 1024 };

/** Metrics of the stores that keep the keys. */
export const idempotencyMetrics = (keys: IdempotencyKeys): Metric[] => [
  counter(
    'idempotency_keys_forgotten_total',
    'Idempotency keys forgotten before their time, because there were more than WAVEHALL_IDEMPOTENCY_KEYS.',
    [],
    () => scalar(keys.forgotten),
  ),
];
