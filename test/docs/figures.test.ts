/** Compares the numbers on the pages with their sources: defaults, conformance cases, benchmark runs. */
import { expect, test } from 'vitest';
import { SCENARIOS } from '../bench/scenarios/index.ts';
import { groupOf, GROUPS } from '../conformance/case.ts';
import { cases } from '../conformance/cases/index.ts';
import { SETTINGS } from './names.ts';
import { codeIn, textOf } from './page.ts';

const CONFORMANCE = ['README.md', 'docs/differences-from-reverb-run.md'];

/** Cells of all table rows of a page. */
const rowsOf = (page: string): string[][] =>
  textOf(page)
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

/** Accepted spellings of a default; `none` for an empty text and for a disabled limit. */
const spellings = (name: string): string[] => {
  const fallback = SETTINGS.find((setting) => setting.name === name)?.fallback;
  if (fallback === undefined) return [];
  return fallback === '' || fallback === '0' ? [fallback, 'none'] : [fallback];
};

test('each default in the table of README is the default of the source', () => {
  const rows = rowsOf('README.md').filter(([first = '']) => /^`(REVERB|WAVEHALL)_/.test(first));
  expect(rows.length).toBeGreaterThan(5);
  for (const [names = '', defaults = ''] of rows.filter(([, each]) => each !== 'a development app')) {
    const values = defaults.split(', ').map((value) => value.replaceAll('`', ''));
    codeIn(names).forEach((name, at) => {
      expect(spellings(name), name).toContain(values[at] ?? values[0]);
    });
  }
});

test('each default in the list of limits that Reverb lacks is the default of the source', () => {
  const limits = rowsOf('docs/differences-from-reverb.md').flatMap(([, , wavehall = '']) => {
    const [, fallback, name] = /^([\d,]+|none) \(`(WAVEHALL_\w+)`\)/.exec(wavehall) ?? [];
    return fallback === undefined || name === undefined ? [] : [{ fallback, name }];
  });
  expect(limits.length).toBeGreaterThan(5);
  for (const { fallback, name } of limits)
    expect(spellings(name), name).toContain(fallback.replaceAll(',', ''));
});

test.each(CONFORMANCE)('%s has the current number of conformance cases', (page) => {
  const rows = rowsOf(page);
  for (const group of Object.values(GROUPS)) {
    const count = cases.filter(({ id }) => groupOf(id) === group).length;
    const [, reverb = '', wavehall] = rows.find(([name]) => name === group) ?? [];
    expect(wavehall, group).toBe(`${count} of ${count}`);
    const [, tried, none] = /^\d+ of (\d+)(?: \((\d+) not applicable\))?$/.exec(reverb) ?? [];
    expect(Number(tried) + Number(none ?? 0), group).toBe(count);
  }
});

test('README and docs show the same run against Reverb', () => {
  const [one, other] = CONFORMANCE.map((page) => ({
    day: /Run on (\d{4}-\d\d-\d\d) against Laravel Reverb/.exec(textOf(page))?.[1],
    rows: rowsOf(page).filter(([name = '']) => (Object.values(GROUPS) as string[]).includes(name)),
  }));
  expect(one).toEqual(other);
  expect(one?.day).toBeDefined();
});

test('the cost of a delivery in README is the measured one', () => {
  const [, ratio = ''] = /\| +(0\.\d+) of Reverb's +\|/.exec(textOf('README.md')) ?? [];
  const measured = rowsOf('docs/performance.md').find(
    ([figure, server]) => figure === '1000 sockets, 1 event a tick' && server === 'Wavehall',
  );
  expect(measured?.[3]).toContain(`${ratio} x Laravel Reverb`);
});

test('the printed answer of wavehall cutover has the rows and columns of the source', () => {
  const [, printed = ''] =
    /```text\n(Wavehall has [^]+?)```/.exec(textOf('docs/coming-from-reverb.md')) ?? [];
  const source = textOf('src/cutover/status/status-report.ts');
  const lines = printed.split('\n').slice(5);
  const columns = lines.find((line) => line.startsWith('bridge')) ?? '';
  const rows = lines.slice(0, lines.indexOf('')).map((line) => line.split(/ {2,}/)[0] ?? '');
  expect(rows.length).toBeGreaterThan(9);
  for (const name of [...rows, ...columns.trim().split(/ {2,}/)]) expect(source).toContain(`'${name}'`);
});

test('each block of measurements belongs to a scenario and has the date and the machine', () => {
  const text = textOf('docs/performance.md');
  const blocks = [...text.matchAll(/<!-- bench:(\S+) -->([^]+?)<!-- \/bench:\1 -->/g)];
  expect(blocks.map(([, name = '']) => name).sort()).toEqual(SCENARIOS.map(({ name }) => name).sort());
  for (const [, name, block] of blocks)
    expect(block, name).toMatch(/^\n\n\d{4}-\d\d-\d\d \d\d:\d\d UTC, .+, Node v\d+[^]+load average \d/);
});

/** Values of the rows of a block: the value, its goal, and whether the page says that it is met. */
const goalsIn = (
  block: string,
): { figure: string; value: number; goal: number; sign: string; word: string }[] =>
  block.split('\n').flatMap((line) => {
    const [, figure = '', , value = '', , goals = ''] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    const [, sign, goal, word] = /^([<>]=) ([\d.]+) [^x].*?: (met|MISSED)/.exec(goals) ?? [];
    if (sign === undefined || goal === undefined || word === undefined) return [];
    return [
      {
        figure,
        value: Number(/^[\d.,]+/.exec(value)?.[0].replaceAll(',', '')),
        goal: Number(goal),
        sign,
        word,
      },
    ];
  });

test('a goal in a block is met exactly if its value is within the goal', () => {
  const goals = goalsIn(textOf('docs/performance.md'));
  expect(goals.length).toBeGreaterThan(8);
  for (const { figure, value, goal, sign, word } of goals)
    expect(word, figure).toBe((sign === '<=' ? value <= goal : value >= goal) ? 'met' : 'MISSED');
});

test('the block of connections has each goal: failed connects, memory, latency, events, CPU', () => {
  const [, block = ''] =
    /<!-- bench:connect -->([^]+?)<!-- \/bench:connect -->/.exec(textOf('docs/performance.md')) ?? [];
  const goals = goalsIn(block).map(({ figure, goal }) => `${figure.replace(/:.*/, '')} ${goal}`);
  expect(goals).toEqual(
    expect.arrayContaining([
      '1000 connections 0.1',
      '1000 connections 50',
      '10000 connections 0.1',
      '10000 connections 50',
      '10000 connections 1000',
      'events to 1 of 1000 sockets each, one per request 10000',
      '500 users 80',
    ]),
  );
});

test('the numbers of missed goals are those of the blocks', () => {
  const text = textOf('docs/performance.md');
  const [, goals = ''] = /Goals that are missed[^\n]+\n([^]+?)\n## /.exec(text) ?? [];
  const blocks = rowsOf('docs/performance.md').flat().join(' | ');
  const measured = [...goals.matchAll(/\b\d+\.\d\d\b/g)].map(([figure]) => figure);
  expect(measured.length).toBeGreaterThan(5);
  const derived = ['0.08', '0.09', '0.25'];
  expect(measured.filter((figure) => !derived.includes(figure) && !blocks.includes(figure))).toEqual([]);
});
