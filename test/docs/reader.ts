import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { assemble, laravel8 } from '../laravel/app-folder.ts';
import { freePort } from '../support/free-port.ts';
import { startRedis } from '../support/redis.ts';
import { startStandIn } from '../support/reverb-stand-in.ts';
import { ROOT } from './shell-blocks.ts';

/** Everything that a reader needs: a fresh clone, an app of Laravel, Redis, and the upstream of a cutover. */
export interface Reader {
  /** The fresh clone. */
  readonly copy: string;
  /** Environment of the pages' commands. */
  readonly env: NodeJS.ProcessEnv;
  /** The text of a block with ports and folders of this machine in place of those that are printed. */
  replaced(text: string): string;
  /** The port of this machine for one that is printed. */
  portFor(printed: number): number;
  /** Removes and ends all of it. */
  leave(): Promise<void>;
}

export const APP = { id: 'app-id', key: 'app-key', secret: 'app-secret' };
const APP_ENV = { REVERB_APP_ID: APP.id, REVERB_APP_KEY: APP.key, REVERB_APP_SECRET: APP.secret };
const REVERB_CONFIG = `<?php return ['apps' => ['provider' => 'config', 'apps' => [
  ['app_id' => 'one', 'key' => 'one-key', 'secret' => 'one-secret', 'allowed_origins' => ['*']],
  ['app_id' => 'two', 'key' => 'two-key', 'secret' => 'two-secret', 'allowed_origins' => ['*']],
]]];`;

/** Ports that the pages print, or that a command takes when none is given. */
const SERVER = 8080;
const OTHER_SERVER = 8082;
const PAGE = 3000;
const PRINTED_PORT = /(127\.0\.0\.1:|localhost:|--port[ =])(\d{4,5})\b/g;

/** Long commands, and the same commands with less to do. */
const SHORTER: readonly (readonly [RegExp, string])[] = [
  [/--seconds 600/g, '--seconds 2'],
  [/npm run conformance(?: --)?(?= |$)/gm, 'npm run conformance -- --only C01,S01,W01,U01,H01'],
  [/--only trigger --quick/g, '--only trigger --quick --rounds 1'],
];

/** The names that this run of the tests brought into the environment: a reader's terminal has none of them. */
const OURS =
  /^(REVERB|PUSHER|WAVEHALL|REDIS|VITEST|npm)_|^(VITEST|NODE_ENV|NODE_OPTIONS|TEST|PROD|DEV|MODE|BASE_URL)$/;

/** Prepares a reader's machine; `withLaravel` needs PHP and Composer. */
export async function welcomeReader(texts: readonly string[], withLaravel: boolean): Promise<Reader> {
  const undo: (() => unknown)[] = [];
  const leave = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step();
  };
  try {
    const folder = mkdtempSync(join(tmpdir(), 'wavehall-printed-'));
    undo.push(() => rmSync(folder, { recursive: true, force: true }));
    const [copy, prefix] = [join(folder, 'wavehall'), join(folder, 'npm')];
    mkdirSync(prefix);
    copyProject(copy);
    const laravel = withLaravel ? await prepareLaravel() : '/no/php/here';
    if (withLaravel) undo.push(() => rmSync(laravel, { recursive: true, force: true }));
    const redis = await startRedis();
    undo.push(() => redis.close());
    const upstream = await startStandIn(APP_ENV);
    undo.push(() => upstream.close());
    const ports = await portsFor(texts);
    ports.set(OTHER_SERVER, upstream.port);
    const portFor = (printed: number): number => ports.get(printed) ?? printed;
    return {
      copy,
      env: environment(prefix, portFor, redis.port),
      replaced: (text) => replace(text, laravel, portFor),
      portFor,
      leave,
    };
  } catch (error) {
    await leave();
    throw error;
  }
}

/** Copies every file that git knows, as a fresh clone has it. */
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
  for (const port of new Set([SERVER, PAGE, ...printed])) ports.set(port, await freePort());
  return ports;
}

function replace(text: string, laravel: string, portFor: Reader['portFor']): string {
  const here = text
    .replaceAll('/path/to/your/laravel', laravel)
    .replaceAll(PRINTED_PORT, (_, before: string, port: string) => `${before}${portFor(Number(port))}`);
  return SHORTER.reduce((longer, [long, short]) => longer.replaceAll(long, short), here);
}

/** Variables that are not printed because they are defaults: the ports of the server, the page and Redis. */
const environment = (prefix: string, portFor: Reader['portFor'], redisPort: number): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.test(name))),
  PATH: `${prefix}/bin:${process.env.PATH}`,
  COMPOSER_ALLOW_SUPERUSER: '1',
  npm_config_prefix: prefix,
  npm_config_audit: 'false',
  REVERB_SERVER_PORT: `${portFor(SERVER)}`,
  PUSHER_PORT: `${portFor(SERVER)}`,
  REDIS_PORT: `${redisPort}`,
  PORT: `${portFor(PAGE)}`,
});
