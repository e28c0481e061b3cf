/** Checks inline code and blocks that are not run: commands are tried, names exist; README.md lists the exceptions. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isCommand, isIn, toBeTriedOf, commandError } from './commands.ts';
import { exists } from './names.ts';
import { codeIn, commentedCommandsOf, inlineCodeOf, type Span } from './page.ts';
import { pages, ROOT, shellBlocksOf } from './shell-blocks.ts';

const TIMEOUT_MS = 240_000;
/** Page with the exceptions; its code is not checked. */
const LIST = 'test/docs/README.md';
/** Page whose code is mostly frames and grammar, which test/protocol checks. */
const SPEC = 'protocol/SPEC.md';
/** Texts that look like a variable, a metric, or a path of the repository. */
const LOOKS_LIKE_OURS =
  /^(?:REVERB|WAVEHALL|REDIS)_|^wavehall|^(?:src|test|docs|examples|protocol|scripts)\//;
const ENV_EXAMPLES = ['.env.example', 'examples/laravel/.env.example'];

const blocks = pages().flatMap(shellBlocksOf);
const run = blocks.filter(({ notRun }) => notRun === undefined);
const spans = [
  ...pages()
    .filter((page) => page !== LIST)
    .flatMap(inlineCodeOf)
    .filter(({ page, text }) => page !== SPEC || LOOKS_LIKE_OURS.test(text)),
  ...ENV_EXAMPLES.flatMap(commentedCommandsOf),
];

/** The rows of a table of the list: each text of the first cell, and the reason. */
function listed(heading: string): Map<string, string> {
  const [, after = ''] = readFileSync(ROOT + LIST, 'utf8').split(`\n## ${heading}\n`);
  const rows = (after.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| `'));
  return new Map(
    rows.flatMap((row) => {
      const [, texts = '', why = ''] = row.split(/(?<!\\)\|/).map((cell) => cell.trim());
      return codeIn(texts).map((text) => [text, why] as const);
    }),
  );
}

const standIns = listed('Inline commands that are not tried');
const foreign = listed('Names that are not in the source');

const where = ({ page, line, text }: Span): string => `${page}:${line}: ${text}`;
const once = (some: readonly Span[]): Span[] => [...new Map(some.map((span) => [span.text, span])).values()];

const inBlocks = blocks
  .filter(({ notRun }) => notRun !== undefined)
  .flatMap((block) => toBeTriedOf(block).map((text) => ({ page: block.page, line: block.line, text })));
const commands = once(spans.filter(({ text }) => isCommand(text)));
const toTry = commands.filter(({ text }) => !isIn(run, text) && !standIns.has(text));

test('the pages have commands to check', () => {
  expect(commands.length).toBeGreaterThan(20);
  expect(toTry.length).toBeGreaterThan(10);
  expect(inBlocks.length).toBeGreaterThan(5);
});

test.each(once([...inBlocks, ...toTry]).map((span) => [where(span), span.text]))(
  '%s is accepted by the program that it calls',
  async (_, text) => {
    expect(await commandError(text)).toBeUndefined();
  },
  TIMEOUT_MS,
);

test('each command that is neither run nor tried is in the list, with a reason and a test that replaces it', () => {
  const inPages = new Set(commands.map(({ text }) => text));
  for (const [text, why] of standIns) {
    expect(inPages.has(text) && !isIn(run, text), `${text} is on no page, or a block runs it`).toBe(true);
    const [instead = ''] = /\b(?:test|examples)\/[\w./-]+/.exec(why) ?? [];
    expect(instead, why).not.toBe('');
    expect(exists('README.md', instead, []), why).toBe(true);
  }
});

test('each name on a page exists, or is in the list of foreign names', () => {
  const names = spans.filter(({ text }) => !isCommand(text));
  expect(names.length).toBeGreaterThan(400);
  const missing = names.filter(({ page, text }) => !foreign.has(text) && !exists(page, text, blocks));
  expect(missing.map(where)).toEqual([]);
});

test('each foreign name is on a page and not in the source', () => {
  const inPages = new Map(spans.map((span) => [span.text, span]));
  const names = [...foreign.keys()];
  expect(names.filter((text) => !inPages.has(text))).toEqual([]);
  expect(names.filter((text) => foreign.get(text) === '')).toEqual([]);
  expect(names.filter((text) => exists(inPages.get(text)?.page ?? '', text, blocks))).toEqual([]);
});
