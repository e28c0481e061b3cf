import { getHeapStatistics } from 'node:v8';
import { appsMetrics, type MeasuredReads } from '../apps/sql/metrics.ts';
import type { Config } from '../config/index.ts';
import { counter, gauge, type Metric, scalar } from '../core/ports/metric.ts';
import type { Stores } from '../core/ports/stores.ts';
import type { Refusals } from '../core/refusals/refusals.ts';
import { tabMetrics } from '../core/resume/metrics.ts';
import type { Tabs } from '../core/resume/tabs.ts';
import { trafficMetrics } from '../core/traffic/metrics.ts';
import type { Traffic } from '../core/traffic/traffic.ts';
import type { RequestCounts } from '../http/request-counts.ts';
import { soketiMetrics } from '../observability/soketi-metrics.ts';
import type { Certificate } from './entrances/certificate.ts';
import { type DrainState, drainMetrics } from './shutdown/metrics.ts';
import type { WorkerGroup } from './worker-group.ts';

interface NodeParts {
  readonly config: Pick<Config, 'maxConnections' | 'metricsCompat' | 'port'>;
  readonly core: { readonly traffic: Traffic; readonly refusals: Refusals; readonly tabs: Tabs };
  readonly stores: Pick<Stores, 'metrics'>;
  readonly requests: RequestCounts;
  readonly certificate: Pick<Certificate, 'expiresAtSeconds'>;
  readonly isReady: () => boolean;
  readonly shutdown: DrainState;
  readonly appsWatch: MeasuredReads | undefined;
}

/** Metrics of every server, with or without Redis, workers and a cutover. */
export const nodeMetrics = ({
  config,
  core,
  stores,
  requests,
  shutdown,
  appsWatch,
  ...server
}: NodeParts): Metric[] => [
  ...serverMetrics({ config, ...server }),
  ...drainMetrics(shutdown),
  ...trafficMetrics(core.traffic),
  ...requests.metrics,
  ...core.refusals.metrics,
  ...tabMetrics(core.tabs),
  ...stores.metrics,
  ...appsMetrics(appsWatch),
  ...(config.metricsCompat === 'off' ? [] : soketiMetrics(config.metricsCompat, core.traffic, config.port)),
];

export const serverMetrics = ({
  config: { maxConnections },
  certificate,
  isReady,
}: Pick<NodeParts, 'certificate' | 'isReady'> & {
  readonly config: Pick<Config, 'maxConnections'>;
}): Metric[] => [
  gauge(
    'ready',
    '1 while every worker in this answer accepts new clients; a missing worker shows in wavehall_workers.',
    [],
    'min',
    () => scalar(Number(isReady())),
  ),
  gauge(
    'connections_max',
    'Connections that this node accepts: WAVEHALL_MAX_CONNECTIONS, or 95 % of its open files; 0: no limit is known.',
    [],
    'sum',
    () => scalar(maxConnections),
  ),
  gauge(
    'heap_limit_bytes',
    'Most bytes that the heap of Node.js may have (NODE_OPTIONS=--max-old-space-size).',
    [],
    'sum',
    () => scalar(getHeapStatistics().heap_size_limit),
  ),
  gauge(
    'tls_certificate_expiry_timestamp_seconds',
    'Unix time at which the certificate of WAVEHALL_TLS_CERT expires; no value without one.',
    [],
    'min',
    () => (certificate.expiresAtSeconds === undefined ? [] : scalar(certificate.expiresAtSeconds)),
  ),
];

/** Each worker counts as one: a sum below `workers_wanted` means that a worker is missing from this answer. */
export const workerMetrics = ({ count, restarts }: Pick<WorkerGroup, 'count' | 'restarts'>): Metric[] => [
  gauge('workers', 'Workers that this answer includes.', [], 'sum', () => scalar(1)),
  gauge('workers_wanted', 'Workers that are configured (WAVEHALL_WORKERS).', [], 'max', () => scalar(count)),
  counter(
    'worker_restarts_total',
    'Workers that ended unexpectedly and were started again; a restart that was asked for is not counted.',
    [],
    () => scalar(restarts),
    'max',
  ),
];
