/** The form of the Grafana board: what Grafana and a reader need of each panel. */
import { describe, expect, test } from 'vitest';
import { board, panels, queries, rows } from './board.ts';
import { namesIn } from './promql.ts';

describe('the board', () => {
  test('can be imported: no id of another Grafana, a schema of today, a data source that is chosen', () => {
    expect([board.id, board.uid, board.title]).toEqual([null, 'wavehall', 'Wavehall']);
    expect(board.schemaVersion).toBeGreaterThanOrEqual(39);
    expect(board.templating.list.map(({ name, type }) => [name, type])).toEqual([
      ['datasource', 'datasource'],
      ['app', 'query'],
      ['instance', 'query'],
    ]);
    for (const { datasource, targets = [] } of panels)
      for (const { uid } of [datasource, ...targets.map((target) => target.datasource)].filter(
        (each) => each !== undefined,
      ))
        expect(uid).toBe('${datasource}');
  });

  test('has the rows overview, per app, per node, Redis, webhooks, auth gateway and cutover, each with panels', () => {
    expect(rows.map(({ title }) => title)).toEqual([
      'Overview',
      'Per app',
      'Per node',
      'Redis',
      'Webhooks',
      'Auth gateway',
      'Cutover',
    ]);
    const inRow = rows.map(({ gridPos }, at) => {
      const below = rows[at + 1]?.gridPos.y ?? Infinity;
      return panels.filter(({ gridPos: { y } }) => y > gridPos.y && y < below).length;
    });
    expect(Math.min(...inRow)).toBeGreaterThanOrEqual(6);
    expect(inRow.reduce((sum, count) => sum + count)).toBe(panels.length);
  });

  test('has panels that do not overlap, with different ids and titles', () => {
    const cells = board.panels.flatMap(({ gridPos: { h, w, x, y } }) =>
      Array.from({ length: h * w }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
    expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
  });

  test.each(panels)('$title has a description of one sentence, a unit and a query', (panel) => {
    expect(panel.description).toMatch(/^[A-Z0-9].{10,}\.$/);
    expect(panel.fieldConfig?.defaults.unit).toMatch(/./);
    expect(panel.targets?.length).toBeGreaterThan(0);
  });

  test('takes rates over the window that Grafana chooses', () => {
    const windows = panels.flatMap(({ targets = [] }) =>
      targets.flatMap(({ expr }) => expr.match(/\[[^\]]*\]/g) ?? []),
    );
    expect(windows.length).toBeGreaterThan(30);
    expect([...new Set(windows)].sort()).toEqual(['[$__range]', '[$__rate_interval]']);
  });
});

describe('the names in an expression', () => {
  test('are metrics with the labels of their braces, and the labels of groups', () => {
    const expression =
      'sum by (app, code) (rate(wavehall_a_total{app=~".*",status!~"5.."}[5m] offset 1d)) / on (app) b_c > 0.5 or on() vector(0)';
    expect(namesIn(expression)).toEqual({
      selectors: [
        { metric: 'wavehall_a_total', labels: ['app', 'status'] },
        { metric: 'b_c', labels: [] },
      ],
      grouping: ['app', 'code', 'app'],
    });
  });

  test('are found in every query of the board', () => {
    for (const { panel, expression } of queries)
      expect(namesIn(expression).selectors.length, panel).toBeGreaterThan(0);
  });
});
