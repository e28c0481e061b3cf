/** The npm package of a database is not installed: an installation of the built command without `mysql2` and `pg`. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Outcome, runNode } from '../cli/command.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const LONG_MS = 60_000;

const { dependencies } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as {
  dependencies: Record<string, string>;
};

/** Copies the built command to `folder`, with these packages and no others. */
function install(folder: string, packages: readonly string[]): string {
  cpSync(`${ROOT}dist`, join(folder, 'dist'), { recursive: true });
  cpSync(`${ROOT}package.json`, join(folder, 'package.json'));
  for (const name of packages) {
    const place = join(folder, 'node_modules', name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), place);
  }
  return join(folder, 'dist/src/cli/main.js');
}

describe.each([
  ['mysql2', 'mysql://planted-user:planted-password@127.0.0.1:1/shop', 'mysql://127.0.0.1:1/shop'],
  ['pg', 'postgres://planted-user:planted-password@127.0.0.1:1/shop', 'postgres://127.0.0.1:1/shop'],
])('without the package %s', (name, url, shown) => {
  const folder = mkdtempSync(join(tmpdir(), 'wavehall-package-'));
  let [without, withPackage] = ['', ''];
  beforeAll(() => {
    without = install(join(folder, 'without'), Object.keys(dependencies));
    withPackage = install(join(folder, 'with'), [...Object.keys(dependencies), name]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const sentence = `${shown}: this database needs an npm package that is not installed: npm install ${name}`;
  const runAt = async (main: string, args: string, env: Record<string, string> = {}): Promise<Outcome> => {
    const outcome = await runNode([main, ...args.split(' ')], { WAVEHALL_APPS_DATABASE: url, ...env });
    expect(outcome.stdout + outcome.stderr).not.toContain('planted');
    return outcome;
  };

  test.each([
    'start',
    'apps list',
    'apps add shop',
    'apps rotate shop',
    'apps disable shop',
    'apps enable shop',
    'apps migrate',
    'channels',
  ])(
    '2.18 wavehall %s says in one line what to install, and exits with 1',
    async (args) => {
      expect(await runAt(without, args)).toEqual({ code: 1, stdout: '', stderr: `wavehall: ${sentence}\n` });
    },
    LONG_MS,
  );

  test(
    '2.18 a server of several processes says it once',
    async () => {
      const outcome = await runAt(without, 'start --workers 2', { REVERB_SCALING_ENABLED: 'true' });
      expect(outcome).toEqual({ code: 1, stdout: '', stderr: `wavehall: ${sentence}\n` });
    },
    LONG_MS,
  );

  test(
    '2.18 wavehall doctor says the same',
    async () => {
      const { code, stdout } = await runAt(without, 'doctor');
      expect(stdout.replaceAll(/ +/g, ' ')).toContain(` error database-package-missing ${sentence}\n`);
      expect(code).toBe(2);
    },
    LONG_MS,
  );

  test(
    '2.18 wavehall apps schema needs no package',
    async () => {
      const { code, stdout, stderr } = await runAt(without, 'apps schema');
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^CREATE TABLE .apps. \(/);
    },
    LONG_MS,
  );

  test(
    '2.18 with the package, the same installation asks the database',
    async () => {
      const { code, stderr } = await runAt(withPackage, 'apps list');
      expect([code, stderr]).toEqual([1, expect.stringContaining('ECONNREFUSED')]);
    },
    LONG_MS,
  );
});
