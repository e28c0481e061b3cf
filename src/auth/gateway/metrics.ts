import { counter, gauge, histogram, type Metric, scalar } from '../../core/ports/metric.ts';
import type { AppUpstream } from './app-upstream.ts';
import type { AuthGateway } from './gateway.ts';

/** Metrics of the auth gateway; values are read at each scrape. */
export const gatewayMetrics = (
  gateway: Pick<AuthGateway, 'outcomes'>,
  upstream?: Pick<AppUpstream, 'outcomes' | 'seconds' | 'running' | 'waiting' | 'isFailing'>,
): Metric[] => [
  counter(
    'auth_requests_total',
    'Requests at the auth gateway, by how they were answered: hit, stale, joined and token did not reach Laravel.',
    ['outcome'],
    () => [...gateway.outcomes.entries()].map(([outcome, count]) => [[outcome], count] as const),
  ),
  ...(upstream === undefined ? [] : upstreamMetrics(upstream)),
];

const upstreamMetrics = (
  upstream: Pick<AppUpstream, 'outcomes' | 'seconds' | 'running' | 'waiting' | 'isFailing'>,
): Metric[] => [
  counter(
    'auth_upstream_answers_total',
    'Answers of Laravel to the auth gateway: allowed, refused, failed (a status of 500 or more), or why there was none.',
    ['answer'],
    () => [...upstream.outcomes.entries()].map(([answer, count]) => [[answer], count] as const),
  ),
  histogram('auth_upstream_seconds', 'Time until Laravel answered the auth gateway.', [], () =>
    scalar(upstream.seconds),
  ),
  gauge('auth_upstream_running', 'Requests of the auth gateway that Laravel has now.', [], 'sum', () =>
    scalar(upstream.running),
  ),
  gauge('auth_waiting', 'Requests at the auth gateway that wait for their turn.', [], 'sum', () =>
    scalar(upstream.waiting),
  ),
  gauge(
    'auth_upstream_failing',
    '1 while most requests to Laravel fail, so that only one is sent every two seconds.',
    [],
    'max',
    () => scalar(upstream.isFailing ? 1 : 0),
  ),
];
