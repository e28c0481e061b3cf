import { gauge, type Metric, scalar } from '../core/ports/metric.ts';
import type { WorkerGroup } from './worker-group.ts';

/** Metrics of every server, with or without Redis, workers and a cutover. */
export const serverMetrics = (isReady: () => boolean): Metric[] => [
  gauge(
    'ready',
    '1 while every worker in this answer accepts new clients; a missing worker shows in wavehall_workers.',
    [],
    'min',
    () => scalar(Number(isReady())),
  ),
];

/** Each worker counts as one: a sum below `workers_wanted` means that a worker is missing from this answer. */
export const workerMetrics = ({ count }: WorkerGroup): Metric[] => [
  gauge('workers', 'Workers that this answer includes.', [], 'sum', () => scalar(1)),
  gauge('workers_wanted', 'Workers that are configured (WAVEHALL_WORKERS).', [], 'max', () => scalar(count)),
];
