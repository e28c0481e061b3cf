import { spawn } from 'node:child_process';
import type { FallbackTransport } from '../support/fallback-socket.ts';
import { freePort } from '../support/free-port.ts';
import type { Endpoint } from '../support/wire-http.ts';
import { startServer } from '../support/server.ts';
import { http } from '../support/wire-http.ts';
import { eventually } from '../support/wire.ts';
import type { CaseSettings } from './case.ts';
import { APP, APP_ENV } from './settings.ts';
import type { StartedServer } from './case-tools.ts';

/** A server product that cases run against. */
export interface Target {
  readonly name: string;
  /** Returns a server with default settings, which many cases share. */
  shared(): Promise<StartedServer>;
  /** Starts a server with these settings; undefined when the target cannot be started with them. */
  start(needs: CaseSettings): Promise<StartedServer> | undefined;
}

const prefixOf = (needs: CaseSettings): string => needs.REVERB_SERVER_PATH ?? '';

/** Reads `host:port,id,key,secret`. */
export const parseEndpoint = (text: string, prefix = ''): Endpoint => {
  const [address = '', id, key, secret] = text.split(',');
  const colon = address.lastIndexOf(':');
  if (colon < 0 || !id || !key || !secret) throw new Error(`"${text}" is not HOST:PORT,ID,KEY,SECRET`);
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)), id, key, secret, prefix };
};

/** A client over HTTP that leaves says no goodbye: cases wait for its end. */
const LEAVES_SOON = { WAVEHALL_HTTP_FALLBACK_AWAY: '1' };

/** Wavehall, built from source and started as a process of its own. `transport`: how clients connect; not given: over WebSocket. */
export const wavehall = (transport?: FallbackTransport): Target => {
  const forTransport = transport === undefined ? {} : LEAVES_SOON;
  const start = async (needs: CaseSettings): Promise<StartedServer> => {
    const server = await startServer({ ...APP_ENV, ...forTransport, ...needs });
    return {
      endpoint: { ...APP, host: server.host, port: server.port, prefix: prefixOf(needs), transport },
      output: () => server.output(),
      kill: (signal) => server.kill(signal),
      close: () => server.close(),
    };
  };
  return { name: 'Wavehall', shared: () => start({}), start };
};

const START_LIMIT_MS = 20_000;

/**
 * Starts `command` with PORT, APP_ID, APP_KEY, APP_SECRET and NEEDS (`NAME=value …`) and waits until GET /up answers.
 * When the command exits or does not answer, stops it and rejects with the end of its output.
 */
const startCommand = async (
  command: string,
  needs: CaseSettings,
  limitMs: number,
): Promise<StartedServer> => {
  const port = await freePort();
  const settings = Object.entries(needs).map(([name, value]) => `${name}=${value}`);
  const child = spawn('sh', ['-c', `exec ${command}`], {
    env: {
      ...process.env,
      PORT: String(port),
      APP_ID: APP.id,
      APP_KEY: APP.key,
      APP_SECRET: APP.secret,
      NEEDS: settings.join(' '),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const life = { hasEnded: false };
  const exited = new Promise<void>((resolve) =>
    child.once('exit', () => {
      life.hasEnded = true;
      resolve();
    }),
  );
  /** Signals the whole process group, since the command may be a script that starts other processes. */
  const kill = (signal: NodeJS.Signals): void => {
    try {
      process.kill(-(child.pid ?? 0), signal);
    } catch {
      // The process group has exited.
    }
  };
  const close = async (): Promise<void> => {
    kill('SIGTERM');
    const hard = setTimeout(() => kill('SIGKILL'), 5_000);
    await exited;
    clearTimeout(hard);
  };
  const endpoint: Endpoint = { ...APP, host: '127.0.0.1', port, prefix: prefixOf(needs) };
  const isUp = () =>
    http(endpoint, { method: 'GET', path: `${endpoint.prefix}/up`, limitMs: 1_000 }).then(
      ({ status }) => status === 200,
      () => false,
    );
  const hasStartedOrExited = async (): Promise<boolean> => life.hasEnded || (await isUp());
  await eventually(hasStartedOrExited, 'the server is up', limitMs).catch(() => undefined);
  if (life.hasEnded || !(await isUp())) {
    const problem = life.hasEnded ? 'ended' : `did not answer GET /up within ${limitMs / 1000} s`;
    await close();
    throw new Error(`"${command}" ${problem}. The end of its log:\n${output.slice(-2_000)}`);
  }
  return { endpoint, output: () => output, kill, close };
};

/** Settings that only make a case faster: servers without them run the case as well. */
const FOR_SPEED = new Set(['WAVEHALL_PONG_TIMEOUT', 'WAVEHALL_DRAIN_SECONDS']);

const isOnlyOurs = (setting: string) => setting.startsWith('WAVEHALL_') && !FOR_SPEED.has(setting);

/** A server that is running already. It cannot be tested with other settings, since nothing starts it. */
export const running = (name: string, app: Endpoint): Target => ({
  name,
  shared: () =>
    Promise.resolve({
      endpoint: app,
      output: () => '',
      kill: () => undefined,
      close: () => Promise.resolve(),
    }),
  start: () => undefined,
});

/** A server that a command starts. `app`: a running server for the cases that need no settings. */
export const started = (name: string, command: string, app?: Endpoint, limitMs = START_LIMIT_MS): Target => ({
  name,
  shared: () => (app === undefined ? startCommand(command, {}, limitMs) : running(name, app).shared()),
  start: (needs) => (Object.keys(needs).some(isOnlyOurs) ? undefined : startCommand(command, needs, limitMs)),
});
