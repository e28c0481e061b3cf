import { spawn } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { APP, APP_VARIABLES } from '../support/app.ts';
import { childrenOf, isRunning } from '../support/processes.ts';
import type { TestRedis } from '../support/redis.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { http } from '../support/wire-http.ts';
import { dataOf, eventually, Wire } from '../support/wire.ts';
import { cleanEnvironment, MAIN, type Outcome, run } from './command.ts';

export const TOKEN = 'an-admin-token-for-tests';
export const LONG_MS = 30_000;
let prefixes = 0;

/** Settings of an operated server; over Redis with a prefix of its own. */
export const operated = (redis?: TestRedis): Record<string, string> => ({
  ...APP_VARIABLES,
  WAVEHALL_ADMIN_TOKEN: TOKEN,
  WAVEHALL_DRAIN_SECONDS: '0',
  ...(redis && {
    REVERB_SCALING_ENABLED: 'true',
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: `${redis.port}`,
    WAVEHALL_REDIS_PREFIX: `cli-${process.pid}-${(prefixes += 1)}:`,
    WAVEHALL_LEASE_SECONDS: '2',
  }),
});

/** Settings with which a slow machine alone fails no publish. */
export const PATIENT = { WAVEHALL_REDIS_TIMEOUT_MS: '5000', WAVEHALL_LEASE_SECONDS: '12' };

/** Starts a server that is closed after the test, with all its workers. */
export async function startOperated(
  env: Record<string, string>,
  args: readonly string[] = [],
): Promise<TestServer> {
  const server = await startServer(env, args);
  onTestFinished(async () => {
    const workers = childrenOf(server.pid);
    await server.close();
    await eventually(() => !workers.some(isRunning), 'no worker is left', LONG_MS);
  });
  return server;
}

/** Variables of a shell from which this server is operated, with credentials and token. */
export const shellOf = (server: TestServer): Record<string, string> => ({
  ...APP_VARIABLES,
  WAVEHALL_ADMIN_TOKEN: TOKEN,
  REVERB_SERVER_PORT: `${server.port}`,
});

/** Runs a command for a server, as its operator does. */
export const operate = (
  server: TestServer,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Outcome> =>
  // A restart takes as long as its workers need to start.
  run(args, { ...shellOf(server), ...env }, [], 3 * LONG_MS);

/** Runs a command in a terminal of its own, by `script` of util-linux. Resolves with all that it shows. */
export function runInTerminal(args: readonly string[], env: Record<string, string>): Promise<string> {
  const words = [process.execPath, MAIN, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  const child = spawn('/usr/bin/script', ['-qec', words.join(' '), '/dev/null'], {
    env: cleanEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => child.on('close', () => resolve(output)));
}

/** Sends a request to the admin API. */
export const admin = (server: TestServer, method: string, path: string, token = TOKEN) =>
  http(server, { method, path: `/admin${path}`, headers: { authorization: `Bearer ${token}` } });

/** Opens a client that is closed after the test. */
export async function openClient(server: TestServer): Promise<Wire> {
  const wire = await Wire.open(server, `/app/${APP.key}?protocol=7`);
  onTestFinished(() => wire.drop());
  const { socket_id: socketId } = dataOf(await wire.next('pusher:connection_established', LONG_MS)) as {
    socket_id: string;
  };
  wire.socketId = socketId;
  return wire;
}
