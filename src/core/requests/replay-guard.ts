import { counter, type Metric, scalar } from '../ports/metric.ts';
import type { ReplayGuard } from '../ports/stores.ts';

/** Signatures of an app that are remembered by default. */
export const DEFAULT_SIGNATURES = 100_000;

export interface ReplayOptions {
  /** Signatures of an app that are remembered; beyond, those that expire first are forgotten. */
  readonly signatures?: number | undefined;
  readonly clock?: () => number;
}

export const replayMetrics = (replayGuard: ReplayGuard): Metric[] => [
  counter(
    'replay_signatures_forgotten_total',
    'Signatures forgotten before they expired, because there were more than WAVEHALL_REPLAY_SIGNATURES.',
    [],
    () => scalar(replayGuard.forgotten),
  ),
];
