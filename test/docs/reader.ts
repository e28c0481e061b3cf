import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { assemble } from '../laravel/app-folder.ts';
import { laravel8 } from '../laravel/packages.ts';
import { freePort } from '../support/free-port.ts';
import { startRedis } from '../support/redis.ts';
import { startStandIn } from '../support/reverb-stand-in.ts';
import { ROOT } from './shell-blocks.ts';

/** Environment of a reader: a fresh clone, a Laravel app, Redis, and the upstream of a cutover. */
export interface Reader {
  /** The fresh clone. */
  readonly copy: string;
  /** Environment of the pages' commands. */
  readonly env: NodeJS.ProcessEnv;
  /** Replaces the printed ports and folders of a block with those of this machine. */
  replaced(text: string): string;
  /** Returns the port of this machine for a printed one. */
  portFor(printed: number): number;
  /** Stops all servers and removes all folders. */
  close(): Promise<void>;
}

export const APP = { id: 'app-id', key: 'app-key', secret: 'app-secret' };
const APP_ENV = { REVERB_APP_ID: APP.id, REVERB_APP_KEY: APP.key, REVERB_APP_SECRET: APP.secret };
const REVERB_CONFIG = `<?php return ['apps' => ['provider' => 'config', 'apps' => [
  ['app_id' => 'one', 'key' => 'one-key', 'secret' => 'one-secret', 'allowed_origins' => ['*']],
  ['app_id' => 'two', 'key' => 'two-key', 'secret' => 'two-secret', 'allowed_origins' => ['*']],
]]];`;

/** Ports that the pages print, or that commands use by default. */
const SERVER_PORT = 8080;
const UPSTREAM_PORT = 8082;
const PAGE_PORT = 3000;
const PRINTED_PORT = /(127\.0\.0\.1:|localhost:|--port[ =])(\d{4,5})\b/g;

/** Long commands, and shorter replacements. */
const SHORTER: readonly (readonly [RegExp, string])[] = [
  [/--seconds 600/g, '--seconds 2'],
  [/npm run conformance(?: --)?(?= |$)/gm, 'npm run conformance -- --only C01,S01,W01,U01,H01'],
  [/--only trigger --quick/g, '--only trigger --quick --rounds 1'],
];

/** Variables of the test run, which a reader's terminal does not have. */
const TEST_VARIABLES =
  /^(REVERB|PUSHER|WAVEHALL|REDIS|VITEST|npm)_|^(VITEST|NODE_ENV|NODE_OPTIONS|TEST|PROD|DEV|MODE|BASE_URL)$/;

/** Prepares the environment; `withLaravel` needs PHP and Composer. */
export async function prepareReader(texts: readonly string[], withLaravel: boolean): Promise<Reader> {
  const cleanups: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  };
  try {
    const folder = mkdtempSync(join(tmpdir(), 'wavehall-printed-'));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    const [copy, prefix] = [join(folder, 'wavehall'), join(folder, 'npm')];
    mkdirSync(prefix);
    copyProject(copy);
    const laravel = withLaravel ? await prepareLaravel() : '/no/php/here';
    if (withLaravel) cleanups.push(() => rmSync(laravel, { recursive: true, force: true }));
    const redis = await startRedis();
    cleanups.push(() => redis.close());
    const upstream = await startStandIn(APP_ENV);
    cleanups.push(() => upstream.close());
    const ports = await portsFor(texts);
    ports.set(UPSTREAM_PORT, upstream.port);
    const portFor = (printed: number): number => ports.get(printed) ?? printed;
    return {
      copy,
      env: environment(prefix, portFor, redis.port),
      replaced: (text) => replace(text, laravel, portFor),
      portFor,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Copies every file in git, like a fresh clone. */
function copyProject(to: string): void {
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  for (const file of files.split('\0').filter((name) => name !== '')) {
    mkdirSync(dirname(join(to, file)), { recursive: true });
    cpSync(join(ROOT, file), join(to, file), { force: true });
  }
}

async function prepareLaravel(): Promise<string> {
  const folder = await assemble(laravel8);
  const app = Object.entries(APP_ENV).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(folder, '.env'), `APP_KEY=base64:${'A'.repeat(43)}=\n${app.join('')}`);
  writeFileSync(join(folder, 'config/reverb.php'), REVERB_CONFIG);
  writeFileSync(join(folder, 'package.json'), '{"scripts":{"build":"true"}}');
  return folder;
}

async function portsFor(texts: readonly string[]): Promise<Map<number, number>> {
  const printed = texts.flatMap((text) => [...text.matchAll(PRINTED_PORT)].map(([, , port]) => Number(port)));
  const ports = new Map<number, number>();
  for (const port of new Set([SERVER_PORT, PAGE_PORT, ...printed])) ports.set(port, await freePort());
  return ports;
}

function replace(text: string, laravel: string, portFor: Reader['portFor']): string {
  const here = text
    .replaceAll('/path/to/your/laravel', laravel)
    .replaceAll(PRINTED_PORT, (_, before: string, port: string) => `${before}${portFor(Number(port))}`);
  return SHORTER.reduce((longer, [long, short]) => longer.replaceAll(long, short), here);
}

/** Environment with the ports that the pages do not print because they are defaults: server, page and Redis. */
const environment = (prefix: string, portFor: Reader['portFor'], redisPort: number): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !TEST_VARIABLES.test(name))),
  PATH: `${prefix}/bin:${process.env.PATH}`,
  COMPOSER_ALLOW_SUPERUSER: '1',
  npm_config_prefix: prefix,
  npm_config_audit: 'false',
  REVERB_SERVER_PORT: `${portFor(SERVER_PORT)}`,
  PUSHER_PORT: `${portFor(SERVER_PORT)}`,
  REDIS_PORT: `${redisPort}`,
  PORT: `${portFor(PAGE_PORT)}`,
});
