/** The two pages of differences from Reverb, against the list of the conformance suite: both have the same differences. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import differences from '../conformance/reverb-differences.ts';
import { textOf } from './page.ts';

const READERS_PAGE = 'docs/differences-from-reverb.md';
const RUN_PAGE = 'docs/differences-from-reverb-run.md';
/** Cases of a row, in an HTML comment, which is not displayed: `<!-- C05 C63 -->`. */
const CASES = /<!-- ((?:[A-Z]\d+ ?)+) -->/;

const rowsOf = (page: string): string[][] =>
  textOf(page)
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

const rows = rowsOf(READERS_PAGE).filter(([first = '']) => first !== 'situation' && !first.startsWith('---'));

test('each difference of the run is in exactly one row of the page, and no row names an unknown one', () => {
  const cases = rows.flatMap((cells) => CASES.exec(cells.at(-1) ?? '')?.[1]?.split(' ') ?? []);
  expect(cases.toSorted()).toEqual(Object.keys(differences).toSorted());
});

test('each row of the page has the situation, both servers and the meaning', () => {
  expect(rows.length).toBeGreaterThan(60);
  for (const cells of rows) {
    expect(cells, cells[0]).toHaveLength(4);
    for (const cell of cells) expect(cell.replace(CASES, '').trim(), cells[0]).not.toBe('');
  }
});

test('the page of the run has each difference with its reason', () => {
  const forms = rowsOf(RUN_PAGE).filter(([first]) => first === 'everywhere');
  const cases = rowsOf(RUN_PAGE).filter(([first = '']) => /^[CSWUH]\d\d$/.test(first));
  const isForm = ([id]: readonly [string, string]): boolean => id.startsWith('F');
  const list = Object.entries(differences);
  expect(forms.map(([, , reason]) => reason)).toEqual(list.filter(isForm).map(([, reason]) => reason));
  const reasonById = Object.fromEntries(cases.map(([id = '', , reason]) => [id, reason]));
  expect(reasonById).toEqual(Object.fromEntries(list.filter((each) => !isForm(each))));
});

test('the two pages link to each other', () => {
  expect(readFileSync(READERS_PAGE, 'utf8')).toContain('](differences-from-reverb-run.md)');
  expect(readFileSync(RUN_PAGE, 'utf8')).toContain('](differences-from-reverb.md)');
});
