/** Every query of the board and of the alerts, against a real Prometheus that scrapes a real cluster under load. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { http } from '../support/wire-http.ts';
import { eventually } from '../support/wire.ts';
import { board, queries } from './board.ts';
import { type BusyCluster, startBusyCluster, TOKEN } from './busy-cluster.ts';
import { readAlerts } from './files.ts';
import { runTool, withPrograms } from './programs.ts';
import { namesIn } from './promql.ts';
import { type Prometheus, type Sample, startPrometheus } from './stack.ts';

const START_MS = 180_000;
/** Time from the start in which every panel has to have data: some wait for the first round of the canary. */
const DATA_MS = 45_000;
/** Each test has at least this time. */
const LEAST_MS = 3000;
vi.setConfig({ testTimeout: 90_000 });

/** Prometheus' own: the first one has no series while no alert fires. */
const OF_PROMETHEUS = new Set(['ALERTS', 'up']);

/** Have values only after a fault that the load does not cause, or with another setting. */
const AFTER_A_FAULT = new Set(['wavehall_bridge_dropped_total', 'wavehall_cutover_notifications_total']);

withPrograms('the queries', ['prometheus', 'promtool'], () => {
  const folder = mkdtempSync(join(tmpdir(), 'wavehall-monitoring-'));
  let cluster: BusyCluster;
  let prometheus: Prometheus;
  let dataUntilMs = 0;
  beforeAll(async () => {
    cluster = await startBusyCluster(folder);
    // Nothing listens there: the alerts of this test go nowhere.
    prometheus = await startPrometheus(cluster.targets, { token: TOKEN, alertmanagerPort: 9 });
    dataUntilMs = Date.now() + DATA_MS;
  }, START_MS);
  afterAll(async () => {
    await (prometheus as Prometheus | undefined)?.close();
    await (cluster as BusyCluster | undefined)?.close();
    rmSync(folder, { recursive: true, force: true });
  }, START_MS);

  const timeLeftMs = (): number => Math.max(LEAST_MS, dataUntilMs - Date.now());
  const isFinite = ({ value }: Sample): boolean => Number.isFinite(Number(value[1]));
  const hasSeries = async (selector: string): Promise<boolean> =>
    (await prometheus.query(`count(${selector})`)).length > 0;

  /** Names of the expression that no series of the servers has. */
  const unknownNames = async (expression: string): Promise<string[]> => {
    const { selectors, grouping } = namesIn(expression);
    const own = selectors.filter(({ metric }) => !OF_PROMETHEUS.has(metric) && !AFTER_A_FAULT.has(metric));
    const unknown: string[] = [];
    for (const { metric, labels } of own)
      for (const selector of [metric, ...labels.map((label) => `${metric}{${label}!=""}`)])
        if (!(await hasSeries(selector))) unknown.push(selector);
    for (const label of own.length === 0 ? [] : grouping) {
      const found = await Promise.all(own.map(({ metric }) => hasSeries(`${metric}{${label}!=""}`)));
      if (!found.includes(true)) unknown.push(`by (${label})`);
    }
    return unknown;
  };

  test('all nodes are scraped', async () => {
    await eventually(
      async () =>
        (await prometheus.query('sum(up{job="wavehall"})'))[0]?.value[1] === `${cluster.targets.length}`,
      () => `every target is up`,
      timeLeftMs(),
    );
  });

  test.each(queries)(
    'the panel $panel names what a server exposes, and has data',
    async ({ expression, legend }) => {
      let unknown: string[] = [];
      let samples: Sample[] = [];
      await eventually(
        async () => {
          unknown = await unknownNames(expression);
          samples = await prometheus.query(expression);
          return unknown.length === 0 && samples.length > 0 && samples.every(isFinite);
        },
        () =>
          `unknown: ${unknown.join(', ')}; samples: ${JSON.stringify(samples).slice(0, 500)}; ${expression}`,
        timeLeftMs(),
      );
      // The zero of a fault that has not happened has no labels.
      const labelled = samples.filter(({ metric }) => Object.keys(metric).length > 0);
      for (const [, label = ''] of legend.matchAll(/\{\{(\w+)\}\}/g))
        for (const { metric } of labelled) expect(metric).toHaveProperty(label);
    },
  );

  test.each(board.templating.list.slice(1))('the variable $name has values', async ({ query }) => {
    const text = typeof query === 'string' ? query : query.query;
    const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(text) ?? [];
    expect(await prometheus.get(`label/${label}/values`, { 'match[]': metric })).not.toEqual([]);
  });

  test.each(readAlerts())('the alert $name names what a server exposes', async ({ name }) => {
    const { groups } = (await prometheus.get('rules')) as {
      groups: { rules: { name: string; query: string; health: string; lastError?: string }[] }[];
    };
    const rule = groups.flatMap(({ rules }) => rules).find((each) => each.name === name);
    expect([rule?.health, rule?.lastError]).toEqual(['ok', undefined]);
    let unknown: string[] = [];
    await eventually(
      async () => (unknown = await unknownNames(rule?.query ?? '')).length === 0,
      () => `unknown: ${unknown.join(', ')}`,
      timeLeftMs(),
    );
  });

  test('the metrics that need a fault are exposed without values', async () => {
    const exposed = (await prometheus.get('metadata')) as Readonly<Record<string, unknown>>;
    for (const metric of AFTER_A_FAULT) expect(exposed).toHaveProperty(metric);
  });

  test('the load reaches every kind of traffic', async () => {
    for (const metric of [
      'connections_opened_total',
      'connections_closed_total',
      'connections_refused_total',
      'subscriptions_refused_total',
      'events_published_total',
      'deliveries_total',
      'limits_reached_total',
      'cache_hits_total',
      'requests_over_rate_total',
    ])
      await eventually(
        async () => Number((await prometheus.query(`sum(wavehall_${metric})`))[0]?.value[1]) > 0,
        metric,
        timeLeftMs(),
      );
  });

  test('a metric, a label or a group that no server has is found', async () => {
    expect(
      await unknownNames('sum by (nothing) (rate(wavehall_ready{app="1"}[5m])) or wavehall_nothing'),
    ).toEqual(['wavehall_ready{app!=""}', 'wavehall_nothing', 'by (nothing)']);
  });

  test('promtool has nothing to say against the metrics of any node', async () => {
    for (const { port, https } of cluster.targets.filter((target) => target.https !== true)) {
      expect(https).not.toBe(true);
      const headers = { authorization: `Bearer ${TOKEN}` };
      const answer = await http(
        { host: '127.0.0.1', port },
        { method: 'GET', path: '/admin/metrics', headers },
      );
      expect(answer.text).toContain('wavehall_ready');
      expect(runTool('promtool', ['check', 'metrics'], { input: answer.text })).toEqual({
        code: 0,
        output: '',
      });
    }
  });
});
