/** test/README.md, the map of the tests, against the existing folders and files. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { codeIn } from './page.ts';
import { ROOT } from './shell-blocks.ts';

const MAP = readFileSync(`${ROOT}test/README.md`, 'utf8');
const { scripts } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as {
  scripts: Readonly<Record<string, string>>;
};

test('each folder of test/ has a row', () => {
  const folders = readdirSync(`${ROOT}test`, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const missing = folders.filter(({ name }) => !MAP.includes(`\n| \`test/${name}\``));
  expect(missing.map(({ name }) => name)).toEqual([]);
});

test('each file and folder on the page exists', () => {
  const named = codeIn(MAP).filter((text) => /^(test|src|protocol)\/|^\.ci\/|\.config\.ts$/.test(text));
  expect(named.length).toBeGreaterThan(40);
  expect(named.filter((path) => !existsSync(ROOT + path))).toEqual([]);
});

test('each helper on the page is exported by its file', () => {
  const helpers = [...MAP.matchAll(/((?:`\w+`(?: and )?)+) in `(test\/[^`]+)`/g)].flatMap(
    ([, names = '', file = '']) => codeIn(names).map((name) => ({ name, file })),
  );
  expect(helpers.length).toBeGreaterThan(10);
  for (const { name, file } of helpers)
    expect(readFileSync(ROOT + file, 'utf8')).toMatch(
      new RegExp(`^export (class|const|(async )?function) ${name}\\b`, 'm'),
    );
});

test('each script on the page is in package.json', () => {
  const named = codeIn(MAP).flatMap((text) => /^npm run (\S+)/.exec(text)?.[1] ?? []);
  expect(named.filter((script) => !(script in scripts))).toEqual([]);
});
