import { expect, test } from 'vitest';
import { mergeStatus } from '../../src/cutover/status/merge-status.ts';
import type { CutoverStatus } from '../../src/cutover/status/status-report.ts';
import { openMetrics } from '../../src/observability/metrics.ts';
import { counter, gauge, scalar } from '../../src/core/ports/metric.ts';
import { ALL_METRICS } from '../support/all-metrics.ts';

const counts = (good: number, p99Ms: number | null) => ({ good, bad: 1, p50Ms: p99Ms, p99Ms });
const side = (good: number, p99Ms: number | null, breaches: readonly string[]) => ({
  connects: counts(good, p99Ms),
  subscribes: counts(good, null),
  api: counts(good, null),
  delivery: counts(good, null),
  arrivals: counts(good, null),
  clients: counts(good, null),
  loopMs: p99Ms,
  breaches: breaches.map((of) => ({ of, text: of })),
});

/** Status of one worker, with the fields that differ between workers. */
const status = (count: number, more: { isShared?: boolean; connected?: boolean; breaches?: string[] } = {}) =>
  ({
    upstream: 'http://other',
    percentage: { percent: 25, isShared: more.isShared ?? true },
    split: {
      open: { wavehall: count, upstream: 1 },
      total: { wavehall: count, upstream: 2 },
      failovers: { wavehall: 0, upstream: count },
    },
    watch: {
      health: { wavehall: side(count, count, more.breaches ?? []), upstream: side(0, null, []) },
      rollback: { counts: {} },
    },
    bridge: [
      {
        app: 'a',
        connected: more.connected ?? true,
        channels: count,
        queue: { events: count, bytes: 10 * count, oldestMs: count },
        dropped: { refused: count, [`only-${count}`]: 1 },
        gapMs: count,
        lagMs: count === 1 ? undefined : count,
      },
    ],
  }) as unknown as CutoverStatus;

test('11.5 the cutover status of all workers: counts are summed, durations are the maximum', () => {
  const own = status(1);
  const merged = mergeStatus(own, [own, status(2), status(3, { breaches: ['loop'] })]);
  expect(merged.split).toEqual({
    open: { wavehall: 6, upstream: 3 },
    total: { wavehall: 6, upstream: 6 },
    failovers: { wavehall: 0, upstream: 6 },
  });
  const { wavehall, upstream } = merged.watch.health;
  expect(wavehall.connects).toEqual({ good: 6, bad: 3, p50Ms: 3, p99Ms: 3 });
  expect([wavehall.loopMs, wavehall.breaches]).toEqual([3, [{ of: 'loop', text: 'loop' }]]);
  expect([upstream.connects.p99Ms, upstream.loopMs]).toEqual([null, null]);
  expect(merged.bridge).toMatchObject([
    {
      connected: true,
      channels: 6,
      queue: { events: 6, bytes: 60, oldestMs: 3 },
      dropped: { refused: 6, 'only-1': 1, 'only-2': 1, 'only-3': 1 },
      gapMs: 6,
      lagMs: 3,
    },
  ]);
  expect(merged.percentage).toMatchObject({ percent: 25, isShared: true });
});

test('11.5 a boolean that is false on one worker is false in the merged status', () => {
  const merged = mergeStatus(status(1), [status(1), status(2, { isShared: false, connected: false })]);
  expect([merged.percentage.isShared, merged.bridge[0]?.connected]).toEqual([false, false]);
});

test('11.5 metrics of several workers are merged by their rule: sum, minimum or maximum; unmeasured ones are left out', async () => {
  const answers: unknown[] = [];
  const process = (value: number) => {
    const all = [
      counter('sum_total', 'h', [], () => scalar(value)),
      gauge('least', 'h', ['app'], 'min', () => [[['a'], value]]),
      gauge('most', 'h', [], 'max', () => scalar(value)),
      gauge('unknown', 'h', [], 'sum', () => scalar(NaN)),
    ];
    return openMetrics(all, {
      onCollect: (how) => void answers.push(how()),
      collectAll: () => Promise.all(answers),
    });
  };
  const [first] = [process(1), process(2), process(4)];
  const text = await first.text();
  for (const line of ['wavehall_sum_total 7', 'wavehall_least{app="a"} 1', 'wavehall_most 4'])
    expect(text.split('\n')).toContain(line);
  expect(text).not.toMatch(/^wavehall_unknown|NaN/m);
});

test('11.5 each metric has its rule for several workers', () => {
  const metrics = Object.values(ALL_METRICS).flat();
  const rules = metrics.map(({ name, acrossWorkers }) => [name.slice('wavehall_'.length), acrossWorkers]);
  expect(Object.fromEntries(rules.filter(([, rule]) => rule !== 'sum'))).toEqual({
    workers_wanted: 'max',
    worker_restarts_total: 'max',
    tls_certificate_expiry_timestamp_seconds: 'min',
    node_info: 'max',
    ready: 'min',
    auth_upstream_failing: 'max',
    token_keys_age_seconds: 'max',
    redis_ready: 'min',
    cutover_shared: 'min',
    bridge_connected: 'min',
    apps_known: 'max',
    apps_read_age_seconds: 'max',
    apps_rows_invalid: 'max',
    redis_evicted_keys_total: 'max',
    webhooks_waiting: 'max',
    webhooks_oldest_waiting_seconds: 'max',
    cutover_percent: 'max',
    cutover_last_good_percent: 'max',
    bridge_queue_oldest_seconds: 'max',
    bridge_lag_seconds: 'max',
    cutover_health_p50_seconds: 'max',
    cutover_health_p99_seconds: 'max',
    cutover_breaches: 'max',
  });
});
