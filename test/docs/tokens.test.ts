/** docs/tokens.md: its examples of rules are read, and it explains every cause for which a token is refused. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseCondition } from '../../src/auth/rules/condition.ts';
import { parseRules } from '../../src/auth/rules/parse-rules.ts';
import { TOKEN_FAULTS } from '../../src/auth/tokens/faults.ts';
import { ROOT } from './shell-blocks.ts';

const page = readFileSync(`${ROOT}docs/tokens.md`, 'utf8');

test('15.4 each file of rules on the page is accepted', () => {
  const files = [...page.matchAll(/```json\n([^]+?)```|<< 'END'\n([^]+?)END\n/g)];
  expect(files.length).toBe(2);
  for (const [, block, document] of files) {
    const problems: string[] = [];
    expect(parseRules(block ?? document ?? '', problems)?.rules.length).toBeGreaterThan(1);
    expect(problems).toEqual([]);
  }
});

test('15.4 each condition on the page is accepted', () => {
  const conditions = [...page.matchAll(/^\| `(\{.+\})` +\|/gm)].map(
    ([, text = '']) => JSON.parse(text) as unknown,
  );
  expect(conditions.length).toBeGreaterThan(5);
  for (const each of conditions) parseCondition(each, new Set(['id', 'tenant']), 'page');
});

test('15.1 each cause of a refused token is explained', () => {
  expect(Object.keys(TOKEN_FAULTS).filter((fault) => !page.includes(`\`${fault}\``))).toEqual([]);
});
