import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { expect, test } from 'vitest';

const MAX_CHAIN = 18;
const MAX_NAMES = 16;

const files = execFileSync('git', ['ls-files', 'src', 'protocol'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '');

/** Files that a file imports: values and types, static and dynamic imports. */
function importsOf(file: string): string[] {
  const found = readFileSync(file, 'utf8').matchAll(/(?:\bfrom |^import |\bimport\()'([^']+)'/gm);
  return [...found].flatMap(([, specifier = '']) => {
    if (specifier === '#protocol') return ['protocol/index.ts'];
    return specifier.startsWith('.') ? [posix.join(posix.dirname(file), specifier)] : [];
  });
}

/** Longest import chain of each file. */
const chains = new Map<string, readonly string[]>();
function chainOf(file: string): readonly string[] {
  const known = chains.get(file);
  if (known !== undefined) return known;
  const longest = importsOf(file)
    .map(chainOf)
    .reduce((best, chain) => (chain.length > best.length ? chain : best), []);
  chains.set(file, [file, ...longest]);
  return [file, ...longest];
}

test(`no chain of imports has more than ${MAX_CHAIN} files`, () => {
  const all = files.filter((file) => file.endsWith('.ts')).map(chainOf);
  expect(all.some((chain) => chain[0] === 'src/cli/main.ts' && chain.length > 10)).toBe(true);
  expect(all.filter((chain) => chain.length > MAX_CHAIN)).toEqual([]);
});

test(`no folder has more than ${MAX_NAMES} files and folders`, () => {
  const names = new Map<string, Set<string>>();
  for (const file of files)
    for (let name = file; name !== '.'; name = posix.dirname(name)) {
      const folder = posix.dirname(name);
      names.set(folder, (names.get(folder) ?? new Set()).add(name));
    }
  expect(names.get('protocol')?.size).toBeGreaterThan(10);
  expect([...names].filter(([, { size }]) => size > MAX_NAMES)).toEqual([]);
});
