/** What README, docs/ and examples/ print is run as it is printed, in a fresh copy of the project. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assemble, laravel8 } from '../laravel/app-folder.ts';
import { whatIsMissing } from '../laravel/requirements.ts';
import { freePort } from '../support/free-port.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startStandIn } from '../support/reverb-stand-in.ts';
import type { TestServer } from '../support/server.ts';
import { pages, ROOT, type ShellBlock, shellBlocksOf } from './shell-blocks.ts';
import { Terminal } from './terminal.ts';

const BLOCK_TIMEOUT_MS = 300_000;
/** What a reader has in the folder of the app, beside its code. */
const APP_ENV = 'REVERB_APP_ID=app-id\nREVERB_APP_KEY=app-key\nREVERB_APP_SECRET=app-secret\n';
const REVERB_CONFIG = `<?php return ['apps' => ['provider' => 'config', 'apps' => [
  ['app_id' => 'one', 'key' => 'one-key', 'secret' => 'one-secret', 'allowed_origins' => ['*']],
  ['app_id' => 'two', 'key' => 'two-key', 'secret' => 'two-secret', 'allowed_origins' => ['*']],
]]];`;
/** Blocks whose last command runs until it is stopped. */
const LASTS = /(?:^|\s)(?:npm start|wavehall start)\b[^\n]*$/;
const MISSING = whatIsMissing();
const NEEDS_PHP = /\bphp\b|\/path\/to\/your\/laravel/;

const undo: (() => unknown)[] = [];
let copy: string;
let laravel: string;
let redis: TestRedis;
let upstream: TestServer;
let prefix: string;

beforeAll(async () => {
  if (!isWanted) return;
  const folder = mkdtempSync(join(tmpdir(), 'wavehall-printed-'));
  undo.push(() => rmSync(folder, { recursive: true, force: true }));
  copy = join(folder, 'wavehall');
  prefix = join(folder, 'npm');
  mkdirSync(prefix);
  copyProject(copy);
  redis = await startRedis();
  undo.push(() => redis.close());
  upstream = await startStandIn({
    REVERB_APP_ID: 'app-id',
    REVERB_APP_KEY: 'app-key',
    REVERB_APP_SECRET: 'app-secret',
  });
  undo.push(() => upstream.close());
  if (MISSING === undefined || process.env.CI !== undefined) await prepareLaravel();
}, BLOCK_TIMEOUT_MS);
afterAll(async () => {
  for (const step of undo.toReversed()) await step();
}, BLOCK_TIMEOUT_MS);

/** Every file that git knows, as a fresh clone has it. */
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

async function prepareLaravel(): Promise<void> {
  laravel = await assemble(laravel8);
  undo.push(() => rmSync(laravel, { recursive: true, force: true }));
  writeFileSync(join(laravel, '.env'), `APP_KEY=base64:${'A'.repeat(43)}=\n${APP_ENV}`);
  writeFileSync(join(laravel, 'config/reverb.php'), REVERB_CONFIG);
  writeFileSync(join(laravel, 'package.json'), '{"scripts":{"build":"true"}}');
}

/** Ports and folders that a reader has otherwise; nothing else of a block is changed. */
const replaced = (text: string, ports: { server: number; upstream: number }): string =>
  text
    .replaceAll('/path/to/your/laravel', laravel)
    .replaceAll(/--port \d+/g, `--port ${ports.server}`)
    .replaceAll('127.0.0.1:8082', `127.0.0.1:${ports.upstream}`)
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${ports.server}`)
    .replaceAll('--seconds 600', '--seconds 2');

/** What this run of the tests brought into the environment: a reader's terminal has none of it. */
const OURS =
  /^(REVERB|PUSHER|WAVEHALL|REDIS|VITEST|npm)_|^(VITEST|NODE_ENV|NODE_OPTIONS|TEST|PROD|DEV|MODE|BASE_URL)$/;

const readersOwn = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !OURS.test(name)));

const answers = (port: number) => (): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  );

const blocks = pages().flatMap(shellBlocksOf);
const byPage = groupByPage(blocks);

function groupByPage(all: readonly ShellBlock[]): Map<string, ShellBlock[]> {
  const groups = new Map<string, ShellBlock[]>();
  for (const block of all) groups.set(block.page, [...(groups.get(block.page) ?? []), block]);
  return groups;
}

/** README first: it installs what the other pages use. */
const inOrder = [...byPage].sort(
  ([one], [other]) => Number(other === 'README.md') - Number(one === 'README.md'),
);

test('each shell block that is not run says why', () => {
  const reasons = blocks.flatMap(({ notRun }) => notRun ?? []);
  for (const reason of reasons) expect(reason.length, reason).toBeGreaterThan(20);
  console.log(`${blocks.length} shell blocks, ${blocks.length - reasons.length} of them run`);
  expect(blocks.length - reasons.length).toBeGreaterThan(10);
});

/** Takes a quarter of an hour and a machine of its own: asked for by name, until every page passes. */
const isWanted = process.env.WAVEHALL_PRINTED !== undefined;

describe.runIf(isWanted).each(inOrder)('%s', (page, printed) => {
  let terminal: Terminal;
  const ports = { server: 0, page: 0 };
  beforeAll(async () => {
    ports.server = await freePort();
    ports.page = await freePort();
    terminal = new Terminal(copy, {
      ...readersOwn(process.env),
      PATH: `${prefix}/bin:${process.env.PATH}`,
      COMPOSER_ALLOW_SUPERUSER: '1',
      npm_config_prefix: prefix,
      npm_config_audit: 'false',
      REVERB_SERVER_PORT: `${ports.server}`,
      REDIS_PORT: `${redis.port}`,
      PORT: `${ports.page}`,
    });
  });
  afterAll(() => terminal.close(), BLOCK_TIMEOUT_MS);

  for (const block of printed.filter(({ notRun }) => notRun === undefined)) {
    const title = `line ${block.line}: ${block.text.split('\n')[0]}`;
    test.skipIf(NEEDS_PHP.test(block.text) && MISSING !== undefined && process.env.CI === undefined)(
      title,
      () => paste(block),
      BLOCK_TIMEOUT_MS,
    );
  }

  async function paste({ text }: ShellBlock): Promise<void> {
    const given = replaced(text, { server: ports.server, upstream: upstream.port });
    if (LASTS.test(given.replaceAll(/\s+#.*$/gm, '').trim())) {
      const port = page.startsWith('examples/') && !/^npm ci/.test(given) ? ports.page : ports.server;
      await terminal.start(given, answers(port));
      return;
    }
    const { code, output } = await terminal.run(given);
    expect(code, output.slice(-3000)).toBe(0);
  }
});
