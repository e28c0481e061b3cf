import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const NOT_OURS = new Set(['node_modules', 'vendor', 'dist']);

function filesUnder(folder: string, extension: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((item) => {
    const path = join(folder, item.name);
    if (item.isDirectory()) return NOT_OURS.has(item.name) ? [] : filesUnder(path, extension);
    return path.endsWith(extension) ? [path] : [];
  });
}

const textsUnder = (folder: string, extension: string): string[] =>
  filesUnder(join(root, folder), extension).map((path) => readFileSync(path, 'utf8'));

/** Every rule number that `pattern` finds, in its first group. */
const citedIn = (texts: readonly string[], pattern: RegExp): Set<string> =>
  new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map((match) => match[1] ?? '')));

/** A text in brackets that begins with a number and a word: the title of a test. */
const TITLE = /\(\s*['"`](\d{1,2}\.\d{1,2}) [^\d\s%]/g;
/** The field that titles such as `$rule $title` are made from. */
const RULE_FIELD = /\brule:\s*['"`](\d{1,2}\.\d{1,2})\b/g;
const VECTOR_RULE = /"rule": "(\d{1,2}\.\d{1,2})"/g;

const rules = citedIn([readFileSync(join(root, 'protocol/SPEC.md'), 'utf8')], /^### (\d+\.\d+) /gm);
const tests = textsUnder('test', '.ts');
const vectors = textsUnder('protocol/vectors', '.json');
const tested = new Set([
  ...citedIn(tests, TITLE),
  ...citedIn(tests, RULE_FIELD),
  ...citedIn(vectors, VECTOR_RULE),
]);
const missingIn = (known: ReadonlySet<string>, numbers: ReadonlySet<string>): string[] =>
  [...numbers].filter((number) => !known.has(number));

test('1.1 the rules of SPEC.md are numbered without a gap', () => {
  const numbers = [...rules].map((rule) => rule.split('.').map(Number));
  numbers.forEach(([section = 0, rule = 0], index) => {
    const [before, last] = numbers[index - 1] ?? [0, 0];
    expect([section, rule]).toEqual(section === before ? [section, (last ?? 0) + 1] : [(before ?? 0) + 1, 1]);
  });
  expect(numbers.at(-1)?.[0]).toBe(17);
});

test('1.1 every rule of SPEC.md has a test', () => {
  expect(missingIn(tested, rules)).toEqual([]);
});

test('1.1 every rule that a test cites is in SPEC.md', () => {
  expect(missingIn(rules, tested)).toEqual([]);
});

test('1.1 every rule that the code cites is in SPEC.md', () => {
  const inProtocol = citedIn(textsUnder('protocol', '.ts'), /\/\*\*\s+(?:\* )?(\d+\.\d+)\b/g);
  const inServer = citedIn(textsUnder('src', '.ts'), /\bSPEC (\d+\.\d+)\b/g);
  expect(inProtocol.size).toBeGreaterThan(30);
  expect(missingIn(rules, inProtocol)).toEqual([]);
  expect(missingIn(rules, inServer)).toEqual([]);
});

test('1.1 every file of vectors is used by a test', () => {
  const files = readdirSync(join(root, 'protocol/vectors'));
  expect(files.filter((file) => !tests.some((text) => text.includes(`/vectors/${file}'`)))).toEqual([]);
});
