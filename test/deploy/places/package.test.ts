/** The package that `npm pack` makes: installed with `npm i -g` and used. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { cleanEnvironment } from '../../cli/command.ts';
import { APP_VARIABLES } from '../../support/app.ts';
import { freePort } from '../../support/free-port.ts';
import { root } from '../dockerfile.ts';
import { becomesReady, connectAndPublish } from './kept-alive.ts';

const run = promisify(execFile);
const INSTALL_MS = 180_000;
const STOP_MS = 15_000;

let folder: string;
let files: readonly string[];
let wavehall: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wavehall-package-'));
  const [packed, prefix] = [join(folder, 'packed'), join(folder, 'prefix')];
  for (const each of [packed, prefix]) mkdirSync(each);
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', packed], { cwd: root });
  const [made] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  files = made?.files.map(({ path }) => path) ?? [];
  const tarball = join(packed, made?.filename ?? '');
  const install = ['install', '--global', '--prefix', prefix, '--no-audit', '--no-fund', tarball];
  await run('npm', install, { cwd: folder, timeout: INSTALL_MS });
  wavehall = join(prefix, 'bin/wavehall');
}, INSTALL_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }), INSTALL_MS);

test('2.1 the package has the command, the protocol and what a reader needs, and no tests', () => {
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string };
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
  for (const needed of [
    'dist/src/cli/main.js',
    'dist/protocol/index.js',
    'dist/protocol/index.d.ts',
    'protocol/SPEC.md',
    '.env.example',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    'examples/deploy/systemd/wavehall.service',
  ])
    expect(files).toContain(needed);
  expect(
    files.filter((file) => /(^|\/)(test|node_modules|\.ci|\.git|\.env)(\/|$)|\.tsbuildinfo$/.test(file)),
  ).toEqual([]);
});

test('2.1 no file of the package names a folder of the machine that packed it', () => {
  const texts = files.filter((file) => /\.(js|ts|json|md|lua|map|yml|conf)$/.test(file));
  expect(texts.filter((file) => readFileSync(root + file, 'utf8').includes(root))).toEqual([]);
});

test('2.1 the installed command prints its help', async () => {
  const { stdout } = await run(wavehall, ['--help'], { cwd: folder });
  expect(stdout).toContain('start');
});

test('2.13 the installed command serves, and stops', async () => {
  const port = await freePort();
  const env = cleanEnvironment({
    ...APP_VARIABLES,
    REVERB_SERVER_PORT: `${port}`,
    WAVEHALL_DRAIN_SECONDS: '1',
  });
  const child = spawn(wavehall, ['start'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(child, 'exit');
  try {
    await becomesReady(port, () => output);
    const wire = await connectAndPublish(port);
    child.kill('SIGTERM');
    expect((await wire.closing(STOP_MS)).code).toBe(4200);
    expect(await exited).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
  }
}, 60_000);

test('2.1 the installed package can be imported', async () => {
  const script =
    "import('wavehall/protocol').then(({ verifyChannelAuth }) => console.log(typeof verifyChannelAuth))";
  const { stdout } = await run(process.execPath, ['-e', script], {
    cwd: join(folder, 'prefix/lib/node_modules/wavehall'),
  });
  expect(stdout.trim()).toBe('function');
});
