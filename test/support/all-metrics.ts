/** Every metric that a node can have, by the part of docs/monitoring.md that lists it. */
import type { Metric } from '../../src/core/ports/metric.ts';
import { gatewayMetrics } from '../../src/auth/gateway/metrics.ts';
import { idempotencyMetrics } from '../../src/core/requests/idempotency.ts';
import { replayMetrics } from '../../src/core/requests/replay-guard.ts';
import { Refusals } from '../../src/core/refusals/refusals.ts';
import { tabMetrics } from '../../src/core/resume/metrics.ts';
import { trafficMetrics } from '../../src/core/traffic/metrics.ts';
import { Traffic } from '../../src/core/traffic/traffic.ts';
import { Histogram } from '../../src/core/util/histogram.ts';
import { Tally } from '../../src/core/util/tally.ts';
import { tokenMetrics } from '../../src/auth/tokens/metrics.ts';
import { cutoverMetrics } from '../../src/cutover/status/metrics.ts';
import { RequestCounts } from '../../src/http/request-counts.ts';
import { serverMetrics, workerMetrics } from '../../src/server/metrics.ts';
import { drainMetrics } from '../../src/server/shutdown/metrics.ts';
import { lagMetric, lossMetrics } from '../../src/stores/redis/health/loss/loss-metrics.ts';
import { redisMetrics } from '../../src/stores/redis/metrics.ts';
import { appsMetrics } from '../../src/apps/sql/metrics.ts';
import { webhookMetrics } from '../../src/webhooks/metrics.ts';

const noCounts = new Proxy({}, { get: () => 0 }) as ReturnType<Parameters<typeof redisMetrics>[2]>;

const NO_METER = { report: () => ({ node: '', pairs: [] }), onLag: () => undefined };

const NO_KEYS = {
  claim: () => Promise.resolve({ use: 'first' as const }),
  keepAnswer: (_: unknown, answer: string) => Promise.resolve(answer),
};

const noStatus = (): never => {
  throw new Error('The values of these metrics cannot be read');
};

export const ALL_METRICS: Readonly<Record<string, readonly Metric[]>> = {
  'The server': [
    ...serverMetrics({
      config: { maxConnections: 0 },
      certificate: { expiresAtSeconds: undefined },
      isReady: () => true,
    }),
    ...drainMetrics({ begun: false, socketsLeft: 0 }),
  ],
  'Apps: connections, channels, events': trafficMetrics(new Traffic()),
  'Apps of a database': appsMetrics(undefined),
  'Clients that come back': tabMetrics({ open: 0, away: 0, dropped: 0 }),
  'HTTP requests': [...new RequestCounts('').metrics, ...idempotencyMetrics({ ...NO_KEYS, forgotten: 0 })],
  'Auth gateway': gatewayMetrics(
    { outcomes: new Tally() },
    { outcomes: new Tally(), seconds: new Histogram(), running: 0, waiting: 0, isFailing: false },
  ),
  'Tokens and channel rules': tokenMetrics({
    results: new Tally(),
    decisions: new Tally(),
    keySet: undefined,
  }),
  'Refusals and limits': new Refusals({ warn: () => undefined }, Date.now).metrics,
  Redis: [
    ...redisMetrics(
      () => true,
      { roundTrip: new Histogram() },
      () => noCounts,
    ),
    ...replayMetrics({ forgotten: 0, take: () => Promise.resolve(true) }),
    lagMetric(NO_METER),
  ],
  'Between nodes': lossMetrics(NO_METER),
  Webhooks: webhookMetrics([], { dropped: 0 }),
  Workers: workerMetrics({ count: 1, restarts: 0 }),
  'A cutover': cutoverMetrics(noStatus),
};
