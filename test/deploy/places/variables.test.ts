/** Variables in the files of examples/deploy, and on the pages of docs/deploy. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { root } from '../dockerfile.ts';

const files = execFileSync(
  'git',
  [
    'ls-files',
    '--cached',
    '--others',
    '--exclude-standard',
    'examples/deploy',
    'docs/deploy',
    'docs/production.md',
  ],
  { cwd: root, encoding: 'utf8' },
)
  .split('\n')
  .filter((name) => name !== '');
const textOf = (name: string): string => readFileSync(root + name, 'utf8');
const known = new Set(textOf('.env.example').match(/(?<=^#)[A-Z_0-9]+(?==)/gm));
/** Names that only Laravel reads, that only docker-compose.yml reads, or that are the beginning of several names. */
const FOREIGN = /^(REVERB_(PORT|SCHEME)|WAVEHALL_NODES|REVERB_APP_|REVERB_|WAVEHALL_)$/;

test('2.5 every variable of a place to run is one that the server reads', () => {
  expect(files.length).toBeGreaterThan(15);
  const unknown = files.flatMap((name) =>
    [...new Set(textOf(name).match(/(?<![\w$])(?:REVERB|WAVEHALL|REDIS)_[A-Z_]+/g))]
      .filter((variable) => !known.has(variable) && !FOREIGN.test(variable))
      .map((variable) => `${name}: ${variable}`),
  );
  expect(unknown).toEqual([]);
});
