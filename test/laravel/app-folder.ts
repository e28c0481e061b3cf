import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { composerEnv } from './requirements.ts';

const run = promisify(execFile);

const root = fileURLToPath(new URL('../../', import.meta.url));
const example = join(root, 'examples/laravel');
const overlay = join(root, 'test/laravel/app');
const cache = join(root, 'node_modules/.cache/wavehall-laravel');

const INSTALL_MS = 240_000;
const BROWSER_BUILDS = {
  'laravel-echo/dist/echo.js': 'echo.js',
  'pusher-js/dist/web/pusher.min.js': 'pusher.min.js',
};

export type Connection = 'pusher' | 'reverb';

/** Laravel version to run the example on: its vendor folder, and the files that replace those of the example. */
export interface Laravel {
  readonly name: string;
  vendor(): Promise<string>;
  readonly overlay: string | undefined;
}

/** Newest Laravel whose packages every Composer mirror has; installed once per composer.json. */
export const laravel8: Laravel = { name: 'Laravel 8', vendor: installLaravel8, overlay };

/** Laravel of an app folder with installed packages. */
export function laravelOf(folder: string): Laravel {
  return { name: 'Laravel 12', vendor: () => Promise.resolve(join(folder, 'vendor')), overlay: undefined };
}

/** Creates a copy of examples/laravel with packages and an empty database; the caller deletes it. */
export async function assemble(laravel: Laravel): Promise<string> {
  const vendor = await laravel.vendor();
  const folder = await mkdtemp(join(tmpdir(), 'wavehall-laravel-'));
  const excluded = ['vendor', 'node_modules', '.env', 'lib', 'database.sqlite'];
  const filter = (path: string) => !excluded.some((name) => path.endsWith(`/${name}`));
  await cp(example, folder, { recursive: true, filter });
  if (laravel.overlay !== undefined) await cp(laravel.overlay, folder, { recursive: true, filter });
  await linkPackages(vendor, join(folder, 'vendor'));

  const lib = join(folder, 'public/js/lib');
  await mkdir(lib, { recursive: true });
  for (const [from, to] of Object.entries(BROWSER_BUILDS)) {
    await cp(join(root, 'node_modules', from), join(lib, to));
  }
  await writeFile(join(folder, 'database/database.sqlite'), '');
  return folder;
}

/** Writes .env for one connection as in the example's README, without the variables of the other connection. */
export async function configure(folder: string, connection: Connection, port: number): Promise<void> {
  const other = connection === 'pusher' ? 'REVERB_' : 'PUSHER_';
  const given = await readFile(join(example, '.env.example'), 'utf8');
  const settings: Record<string, string> = {
    APP_KEY: `base64:${randomBytes(32).toString('base64')}`,
    BROADCAST_CONNECTION: connection,
    [`${connection.toUpperCase()}_PORT`]: String(port),
  };
  const lines = given.split('\n').filter((line) => !line.startsWith(other));
  const written = lines.map((line) => {
    const name = line.slice(0, line.indexOf('='));
    return name in settings ? `${name}=${settings[name] ?? ''}` : line;
  });
  await writeFile(join(folder, '.env'), written.join('\n'));
}

/**
 * Copies Composer's autoloader, because it locates the app relative to its own files, and links the packages.
 */
async function linkPackages(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const entry of await readdir(from)) {
    if (entry === 'composer' || entry === 'autoload.php') {
      await cp(join(from, entry), join(to, entry), { recursive: true });
    } else {
      await symlink(join(from, entry), join(to, entry));
    }
  }
}

async function installLaravel8(): Promise<string> {
  const composerJson = await readFile(join(overlay, 'composer.json'), 'utf8');
  const hash = createHash('sha256').update(composerJson).digest('hex').slice(0, 12);
  const installed = join(cache, `laravel-8-${hash}`);
  if (existsSync(installed)) return join(installed, 'vendor');

  await mkdir(cache, { recursive: true });
  const temporary = await mkdtemp(join(cache, 'installing-'));
  await writeFile(join(temporary, 'composer.json'), composerJson);
  const flags = ['install', '--no-progress', '--no-interaction', '--prefer-dist'];
  await run('composer', flags, { cwd: temporary, env: composerEnv(), timeout: INSTALL_MS });
  // Renames only a complete installation to the name that later runs use; removes it if a concurrent run was first.
  await rename(temporary, installed).catch(() => rm(temporary, { recursive: true, force: true }));
  return join(installed, 'vendor');
}
