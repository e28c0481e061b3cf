/** docs/architecture.md says where things are: they are there. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const PAGE = readFileSync('docs/architecture.md', 'utf8');
const ROWS = [...PAGE.matchAll(/^\| (.+?) +\| `([^`]+)` +\| `([^`]+)` +\|$/gm)].map(
  ([, question = '', file = '', name = '']) => ({ question, file, name }),
);

describe('where is … decided?', () => {
  test('at least thirty questions are answered', () => expect(ROWS.length).toBeGreaterThanOrEqual(30));

  test.each(ROWS)('$question: $file exports $name', ({ file, name }) => {
    const declaration = new RegExp(`^export (class|const|(async )?function) ${name}\\b`, 'm');
    expect(readFileSync(file, 'utf8')).toMatch(declaration);
  });
});

test('each file and folder that the page names exists', () => {
  const named = [...PAGE.matchAll(/`((?:src|protocol|test)\/[^`]+)`/g)].map(([, path = '']) => path);
  expect(named.filter((path) => !existsSync(path))).toEqual([]);
});
