import { counter, gauge, type Metric, scalar } from '../../core/ports/metric.ts';
import { FAILURE_REASONS, type FailureReason } from './reasons.ts';

/** Values that the metrics show. */
export interface MeasuredReads {
  readonly state: { readonly ageSeconds: number | undefined; readonly apps: number };
  readonly log: { readonly failures: ReadonlyMap<FailureReason, number>; readonly invalidRows: number };
}

/** Metrics of the apps of a database; without one they have no values. */
export const appsMetrics = (reads: MeasuredReads | undefined): Metric[] => [
  gauge('apps_known', 'Apps that are served from the database.', [], 'max', () =>
    reads === undefined ? [] : scalar(reads.state.apps),
  ),
  gauge(
    'apps_read_age_seconds',
    'Time since the apps were last read from the database; no value before the first read.',
    [],
    'max',
    () => (reads?.state.ageSeconds === undefined ? [] : scalar(reads.state.ageSeconds)),
  ),
  gauge('apps_rows_invalid', 'Rows of the table of apps that are not valid.', [], 'max', () =>
    reads === undefined ? [] : scalar(reads.log.invalidRows),
  ),
  counter('apps_read_errors_total', 'Reads of the apps from the database that failed.', ['reason'], () =>
    reads === undefined
      ? []
      : FAILURE_REASONS.map((reason) => [[reason], reads.log.failures.get(reason) ?? 0] as const),
  ),
];
