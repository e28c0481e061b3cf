/** docs/doctor.md has every problem of the doctor, with its severity and its meaning, and no other. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PROBLEMS } from '../../src/cli/doctor/report/problems.ts';

const rows = readFileSync(new URL('../../docs/doctor.md', import.meta.url), 'utf8')
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter(([, , severity]) => severity === 'error' || severity === 'warning');

test('the page has the same problems as the doctor', () => {
  const onPage = rows.map(([, name = '', severity, means]) => [name.replaceAll('`', ''), severity, means]);
  expect(onPage).toEqual(
    Object.entries(PROBLEMS).map(([name, [severity, means]]) => [name, severity, means]),
  );
  expect(onPage.length).toBeGreaterThan(80);
});

test('each problem says what to do', () => {
  expect(rows.filter(([, , , , todo = '']) => todo.length < 5)).toEqual([]);
});
