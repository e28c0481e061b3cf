import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { GROUPS } from './case.ts';
import { cases } from './cases/index.ts';
import differences from './reverb-differences.ts';
import { judge, line, markdown, totals } from './report.ts';
import type { Outcome, Result } from './runner.ts';
import { FORMS } from './case-tools.ts';

const outcome = (id: string, result: Result): Outcome => ({
  id,
  rule: '1.1',
  title: id,
  result,
  detail: 'why',
  ms: 1,
});
const report = {
  target: 'Other',
  outcomes: [outcome('C01', 'passed'), outcome('C02', 'failed'), outcome('S01', 'not applicable')],
  forms: ['F1'],
};

test('1.1 every case has a unique id, a group, and a rule of the specification', async () => {
  const ids = cases.map(({ id }) => id);
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  expect(ids.filter((id) => !/^[CSWUH]\d\d$/.test(id))).toEqual([]);
  const spec = await readFile('protocol/SPEC.md', 'utf8');
  const rules = new Set([...spec.matchAll(/^### (\d+\.\d+) /gm)].map(([, rule]) => rule));
  expect(cases.filter(({ rule }) => !rules.has(rule)).map(({ id }) => id)).toEqual([]);
});

test('1.1 every expected difference of Reverb names a case or a form', () => {
  const known = new Set([...cases.map(({ id }) => id), ...Object.keys(FORMS)]);
  expect(Object.keys(differences).filter((id) => !known.has(id))).toEqual([]);
});

test('1.1 a run is as expected when exactly the named cases and forms differ', () => {
  expect(judge(report, { C02: 'reason', F1: 'reason' })).toEqual({ unnamed: [], gone: [] });
  // A case that could not run is neither a difference nor proof of one.
  expect(judge(report, { C02: 'reason', F1: 'reason', S01: 'reason' })).toEqual({ unnamed: [], gone: [] });
});

test('1.1 reports a difference that was not expected, and an expected one that was not found', () => {
  expect(judge(report, { F1: 'reason' })).toEqual({ unnamed: ['C02'], gone: [] });
  expect(judge(report, { C02: 'reason', F1: 'reason', C01: 'reason' })).toEqual({
    unnamed: [],
    gone: ['C01'],
  });
  expect(judge({ ...report, forms: [] }, { C02: 'reason', F1: 'reason' })).toEqual({
    unnamed: [],
    gone: ['F1'],
  });
});

test('1.1 prints the result as lines, totals and a table', () => {
  expect(totals(report.outcomes)).toBe('1 passed, 1 failed, 1 not applicable');
  expect(report.outcomes.map((each) => line(each, { C02: 'reason' }).split(' ')[0])).toEqual([
    'pass',
    'differs',
    'n/a',
  ]);
  const table = markdown([{ ...report, named: { C02: 'it | differs', F1: 'a form' } }]);
  expect(table).toContain('| Connection | 1 of 2 |');
  expect(table).toContain('| Subscribe | 0 of 0 (1 not applicable) |');
  expect(table).toContain('| C02 | C02 | it \\| differs |');
  expect(table).toContain('| a form |');
  for (const group of Object.values(GROUPS)) expect(table).toContain(`| ${group} |`);
});
