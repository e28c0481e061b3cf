import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { sleep } from '../../src/core/util/time.ts';

const CACHE = new URL('../../node_modules/.cache/wavehall-redis/', import.meta.url).pathname;
const START_TIMEOUT_MS = 30_000;

/** Redis server that a test can kill, pause and restart. */
export interface TestRedis {
  readonly port: number;
  readonly url: string;
  readonly folder: string;
  kill(signal?: NodeJS.Signals): Promise<void>;
  pause(): void;
  resume(): void;
  /** Shortens the time to live of all keys by this time. */
  advanceTime(seconds: number): Promise<void>;
  /** Starts it again on the same port with the data in its folder. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts a redis-server on a free port, without persistence unless `args` enable it.
 * `allArgs`: replaces all arguments, e.g. for a Sentinel.
 */
export async function startRedis(
  args: readonly string[] = [],
  allArgs?: (folder: string, port: number) => readonly string[],
  givenPort?: number,
): Promise<TestRedis> {
  const binary = findServer();
  const port = givenPort ?? (await freePort());
  const folder = mkdtempSync(join(tmpdir(), 'wavehall-redis-'));
  const options = allArgs?.(folder, port) ?? [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    folder,
  ];
  const start = async (): Promise<ChildProcess> => {
    const child = spawn(binary.file, [...options, ...args], { stdio: 'ignore', env: binary.env });
    await waitUntilReady(port, child);
    return child;
  };
  let child = await start();
  const kill = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  };
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    folder,
    kill,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    advanceTime: (seconds) => advanceTime(port, seconds),
    restart: async () => {
      await kill();
      child = await start();
    },
    close: async () => {
      child.kill('SIGCONT');
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Runs redis-cli; rejects with its output if it fails. */
export async function redisCli(args: readonly string[]): Promise<string> {
  const { file, env } = findServer();
  const cli = file.replace(/server$/, 'cli');
  const child = spawn(cli, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`redis-cli ended with ${code}: ${output.slice(-1000)}`);
  return output;
}

interface Binary {
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Finds a server on the path, or unpacks Debian's packages without root; throws with the install command otherwise. */
function findServer(): Binary {
  const names = ['redis-server', 'valkey-server'];
  const folders = (process.env.PATH ?? '').split(':');
  const onPath = folders
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((file) => existsSync(file));
  if (onPath !== undefined) return { file: onPath, env: process.env };
  const unpacked = join(CACHE, 'usr/bin/redis-server');
  if (!existsSync(unpacked)) unpack();
  if (existsSync(unpacked)) {
    const libraries = readdirSync(join(CACHE, 'usr/lib')).map((name) => join(CACHE, 'usr/lib', name));
    return { file: unpacked, env: { ...process.env, LD_LIBRARY_PATH: libraries.join(':') } };
  }
  throw new Error(
    'These tests need a Redis server: `brew install redis` or `apt-get install redis-server`. `npm run test:unit` needs none.',
  );
}

function unpack(): void {
  mkdirSync(CACHE, { recursive: true });
  const script =
    'apt-get download redis-server redis-tools liblzf1 libjemalloc2 liblua5.1-0 lua-cjson lua-bitop libatomic1 ' +
    '&& for each in *.deb; do dpkg-deb -x "$each" .; done';
  try {
    execFileSync('sh', ['-c', script], { cwd: CACHE, stdio: 'ignore', timeout: 60_000 });
  } catch {
    // `findServer` throws with the install command.
  }
}

/** Waits until it answers PING. */
async function waitUntilReady(port: number, child: ChildProcess): Promise<void> {
  const until = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < until && child.exitCode === null) {
    if (await ping(port)) return;
    await sleep(10);
  }
  throw new Error(`redis-server did not start on port ${port}`);
}

async function advanceTime(port: number, seconds: number): Promise<void> {
  const client = new Redis(port, '127.0.0.1');
  for (const key of await client.keys('*')) {
    const left = await client.pttl(key);
    if (left > 0) await client.pexpire(key, Math.max(0, left - seconds * 1000));
    if (!/:(sig|hx|lx|idem|once|rate):/.test(key)) continue;
    if (key.includes(':rate:')) {
      await client.decrby(key, seconds * 1_000_000);
      continue;
    }
    for (const entry of await client.zrange(key, '0', '-1'))
      await client.zincrby(key, -seconds * 1000, entry);
  }
  client.disconnect();
}

function ping(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(500, () => socket.destroy());
    socket.on('data', (data) => {
      resolve(/^(\+PONG|-NOAUTH)/.test(data.toString()));
      socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(false));
  });
}
