// Starts Redis, three nodes and nginx in front of them, prints the address, and stops all of it on Ctrl-C.
//
//   PORT=8080 node start.js     PORT: port of nginx. All others use free ports.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { tmpdir } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const NODES = 3;
const START_MS = 15_000;
const server = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'wavehall-three-nodes-'));
const running = [];
let stopping;

/** Names a missing package. */
function find(name, install) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/opt/homebrew/bin'];
  const file = folders.map((each) => join(each, name)).find((each) => existsSync(each));
  if (file === undefined) throw new Error(`${name} is not here. Install it: ${install}`);
  return file;
}

async function freePort(wanted = 0) {
  const probe = createServer().listen(wanted, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

const answers = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end());
    socket.on('error', () => resolve(false));
    socket.on('close', (hadError) => resolve(!hadError));
  });

/** Starts a program and waits until it listens; prints its output when it does not. */
async function start(name, port, command, args, env = {}) {
  // In a process group of its own: Ctrl-C reaches this script alone, which stops the programs in order.
  const child = spawn(command, args, {
    cwd: folder,
    detached: true,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const read = (chunk) => (said = (said + chunk).slice(-4000));
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const exited = once(child, 'exit');
  running.push({ name, child, exited });
  for (let waited = 0; !(await answers(port)); waited += 20) {
    if (child.exitCode !== null || waited > START_MS) throw new Error(`${name} did not start:\n${said}`);
    await pause(20);
  }
  void exited.then(([code, signal]) => {
    if (stopping === undefined) console.log(`${name} has ended (${signal ?? code}).`);
  });
  return child;
}

function stop() {
  stopping ??= (async () => {
    // Nodes first: each asks its clients to reconnect, and removes itself from Redis.
    const order = [...running].sort((a, b) => rank(a.name) - rank(b.name));
    for (const group of [0, 1, 2]) {
      const ended = order.filter(({ name }) => rank(name) === group);
      for (const { child } of ended) child.kill('SIGTERM');
      await Promise.all(
        ended.map(({ child, exited }) => child.exitCode === null && child.signalCode === null && exited),
      );
    }
    rmSync(folder, { recursive: true, force: true });
  })();
  return stopping;
}

const rank = (name) => (name.startsWith('node') ? 0 : name === 'nginx' ? 1 : 2);

async function main() {
  if (!existsSync(server)) throw new Error('Build the server first: npm ci && npm run build');
  const redis = find('redis-server', 'apt install redis-server, or brew install redis');
  const nginx = find('nginx', 'apt install nginx, or brew install nginx');
  const port = await freePort(Number(process.env.PORT ?? 8080));

  const redisPort = await freePort();
  await start(
    'redis',
    redisPort,
    redis,
    ['--port', redisPort, '--bind', '127.0.0.1', '--save', '', '--dir', folder].map(String),
  );

  const ports = [];
  for (let at = 1; at <= NODES; at += 1) ports.push(await freePort());
  await Promise.all(
    ports.map((each, at) =>
      start(`node ${at + 1}`, each, process.execPath, [server, 'start'], {
        REVERB_SERVER_HOST: '127.0.0.1',
        REVERB_SERVER_PORT: String(each),
        REVERB_SCALING_ENABLED: 'true',
        REDIS_HOST: '127.0.0.1',
        REDIS_PORT: String(redisPort),
        WAVEHALL_TRUSTED_PROXIES: '127.0.0.1',
        // nginx then sends a new client to another node, while this one stops.
        WAVEHALL_DRAIN_REFUSAL: '503',
      }),
    ),
  );

  let configuration = readFileSync(new URL('nginx.conf', import.meta.url), 'utf8');
  configuration = configuration.replace('listen 127.0.0.1:8080', `listen 127.0.0.1:${port}`);
  for (const [at, each] of ports.entries())
    configuration = configuration.replace(`server 127.0.0.1:808${at + 1} `, `server 127.0.0.1:${each} `);
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, configuration);
  await start('nginx', port, nginx, ['-p', folder, '-c', file, '-g', 'daemon off;']);

  const pids = running.filter(({ name }) => name.startsWith('node')).map(({ child }) => child.pid);
  console.log(`
  Connect to  127.0.0.1:${port}   app-id, app-key, app-secret
  Nodes       ${ports.map((each, at) => `127.0.0.1:${each} (pid ${pids[at]})`).join('\n              ')}
  Redis       127.0.0.1:${redisPort}

  Ctrl-C stops all of it.
`);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void stop());
try {
  await main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
  await stop();
}
