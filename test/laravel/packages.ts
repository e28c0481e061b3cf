import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { composerEnv } from './requirements.ts';

const run = promisify(execFile);

const here = fileURLToPath(new URL('./', import.meta.url));
const overlay = join(here, 'app');
const cache = fileURLToPath(new URL('../../node_modules/.cache/wavehall-laravel', import.meta.url));

const INSTALL_MS = 240_000;

/** Laravel version to run the example on: its vendor folder, and the files that replace those of the example. */
export interface Laravel {
  readonly name: string;
  /** Installs the packages unless they are there. Rejects when Composer cannot have them. */
  vendor(): Promise<string>;
  readonly overlay: string | undefined;
}

/** Newest Laravel whose packages every Composer mirror has. */
export const laravel8: Laravel = {
  name: 'Laravel 8',
  vendor: () => install('laravel-8', overlay),
  overlay,
};

/** Laravel 12 with Lighthouse; some mirrors lack a package of it. */
export const laravel12: Laravel = {
  name: 'Laravel 12',
  vendor: () => install('laravel-12', join(here, 'laravel-12')),
  overlay: undefined,
};

/** Laravel of an app folder with installed packages. */
export function laravelOf(folder: string): Laravel {
  return { name: 'Laravel 12', vendor: () => Promise.resolve(join(folder, 'vendor')), overlay: undefined };
}

/** Describes why Composer cannot have the packages of a Laravel; `undefined` when they are installed. */
export const missingPackages = (laravel: Laravel): Promise<string | undefined> =>
  laravel.vendor().then(
    () => undefined,
    (error: unknown) => `Composer cannot have ${laravel.name}: ${String(error).slice(0, 500)}`,
  );

/** Installs what the composer.json of a folder names, once per content of that file. */
async function install(name: string, folder: string): Promise<string> {
  const composerJson = await readFile(join(folder, 'composer.json'), 'utf8');
  const hash = createHash('sha256').update(composerJson).digest('hex').slice(0, 12);
  const installed = join(cache, `${name}-${hash}`);
  if (existsSync(installed)) return join(installed, 'vendor');

  await mkdir(cache, { recursive: true });
  const temporary = await mkdtemp(join(cache, 'installing-'));
  try {
    await writeFile(join(temporary, 'composer.json'), composerJson);
    const flags = ['install', '--no-progress', '--no-interaction', '--prefer-dist'];
    await run('composer', flags, { cwd: temporary, env: composerEnv(), timeout: INSTALL_MS });
    // Renames only a complete installation to the name that later runs use; a concurrent run may have been first.
    await rename(temporary, installed).catch((error: unknown) => {
      if (!existsSync(installed)) throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return join(installed, 'vendor');
}
