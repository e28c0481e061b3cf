import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Laravel } from './packages.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const example = join(root, 'examples/laravel');
const BROWSER_BUILDS = {
  'laravel-echo/dist/echo.js': 'echo.js',
  'pusher-js/dist/web/pusher.min.js': 'pusher.min.js',
};

export type Connection = 'pusher' | 'reverb';

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

/** Writes .env for one connection as in the example's README, without the variables of the other connection; `more` replaces or adds lines. */
export async function configure(
  folder: string,
  connection: Connection,
  port: number,
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  const other = connection === 'pusher' ? 'REVERB_' : 'PUSHER_';
  const given = await readFile(join(example, '.env.example'), 'utf8');
  const settings: Record<string, string> = {
    APP_KEY: `base64:${randomBytes(32).toString('base64')}`,
    BROADCAST_CONNECTION: connection,
    [`${connection.toUpperCase()}_PORT`]: String(port),
    ...more,
  };
  const isKept = (line: string): boolean =>
    !line.startsWith(other) && !(line.slice(0, line.indexOf('=')) in settings);
  const own = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  await writeFile(join(folder, '.env'), [...given.split('\n').filter(isKept), ...own].join('\n'));
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
