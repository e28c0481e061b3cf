/** Checks that the files and names in docs/architecture.md and in the glossary of CONTRIBUTING.md exist. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const PAGE = readFileSync('docs/architecture.md', 'utf8');
const GLOSSARY = readFileSync('CONTRIBUTING.md', 'utf8');

/** Parses the rows of a text: a question or a step, the file, and the name that the file exports. */
const rowsIn = (text: string) =>
  [...text.matchAll(/^\| (.+?) +\| `([^`]+)` +\| (?:`([^`]+)`)? +\|$/gm)].map(
    ([, question = '', file = '', name]) => ({ question, file, name }),
  );

const partOf = (heading: string): string => PAGE.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';

const questions = rowsIn(partOf('Where is … decided?'));
const all = rowsIn(PAGE);

describe('where is … decided?', () => {
  test('answers at least fifty questions, each with a file and a name', () => {
    expect(questions.length).toBeGreaterThanOrEqual(50);
    expect(questions.filter(({ name }) => name === undefined)).toEqual([]);
  });

  const SEARCH_TERMS = [
    'Origin',
    'cache',
    'slow reader',
    'dead node',
    'signature',
    'default of a limit',
    'kinds of channels',
    'metrics',
    'webhook',
    'quota',
    'reconnect',
    'member_added',
    'shutdown',
    'rate limit',
    'missed events',
    'which server a browser goes to',
    'rollback',
    'ping timeout',
  ];
  test.each(SEARCH_TERMS)('has a row for a search for "%s"', (word) => {
    expect(questions.some(({ question }) => question.includes(word))).toBe(true);
  });
});

describe('names only exports of the files', () => {
  test.each(all.filter(({ name }) => name !== undefined))('$question $file: $name', ({ file, name }) => {
    const declaration = new RegExp(`^export (class|const|(async )?function|interface|type) ${name}\\b`, 'm');
    expect(readFileSync(file, 'utf8')).toMatch(declaration);
  });
});

test.each(['The walk of one event', 'The walk of one subscription', 'The walk of one crash'])(
  '%s has numbered steps in order, each with its file',
  (heading) => {
    const steps = rowsIn(partOf(heading)).map(({ question }) => Number(/^(\d+)\. /.exec(question)?.[1]));
    expect(steps.length).toBeGreaterThanOrEqual(10);
    expect(steps).toEqual(steps.map((_, at) => at + 1));
  },
);

test.each([
  ['docs/architecture.md', PAGE],
  ['CONTRIBUTING.md', GLOSSARY],
])('each file and folder on %s exists', (_, text) => {
  const named = [...text.matchAll(/`((?:src|protocol|test)\/[^`]+)`/g)].map(([, path = '']) => path);
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((path) => !existsSync(path))).toEqual([]);
});

test('the page says how to add each kind of thing', () => {
  const part = partOf('How do I add …');
  for (const thing of [
    'kind of channel',
    'store',
    'transport',
    'metric',
    'setting',
    'limit',
    'webhook event',
    'CLI command',
  ])
    expect(part).toContain(`**a ${thing}**`);
});
