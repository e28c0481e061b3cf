import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseEndpoint } from '../conformance/target.ts';
import { freePort } from '../support/free-port.ts';
import { startStandIn } from '../support/reverb-stand-in.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { http, type Endpoint } from '../support/wire-http.ts';
import { eventually } from '../support/wire.ts';
import { Front } from './front.ts';

export const APP = { id: 'app-id', key: 'app-key', secret: 'app-secret' } as const;

/** The server that browsers are moved away from, and what can be done to it. */
export interface OtherSide {
  readonly name: string;
  /** Where its own publishers reach it, and whoever wants the truth: not through the front. */
  readonly app: Endpoint;
  /** What Wavehall is told as WAVEHALL_CUTOVER_UPSTREAM. */
  readonly url: string;
  readonly front: Front;
  output(): string;
  /** Without a word, as when the machine is gone; nobody listens any more. */
  kill9(): Promise<void>;
  /** On the port that it had. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A kind of other side. `start` makes a new one. */
export interface OtherSideKind {
  readonly name: string;
  /** False for a server that somebody else has started. */
  readonly canBeKilled: boolean;
  start(): Promise<OtherSide>;
}

type StartProcess = (port: number) => Promise<TestServer>;

const appEnv = (port: number): Record<string, string> => ({
  REVERB_APP_ID: APP.id,
  REVERB_APP_KEY: APP.key,
  REVERB_APP_SECRET: APP.secret,
  REVERB_SERVER_PORT: String(port),
});

const openProcess = async (name: string, start: StartProcess): Promise<OtherSide> => {
  let server = await start(0);
  const { port } = server;
  const front = await Front.open(port);
  const kill9 = async (): Promise<void> => {
    server.kill('SIGKILL');
    await Promise.all([server.exited, front.refuse()]);
  };
  return {
    name,
    app: { ...APP, host: '127.0.0.1', port, prefix: '' },
    url: `http://127.0.0.1:${front.port}`,
    front,
    output: () => server.output(),
    kill9,
    async restart() {
      server = await start(port);
      await front.accept();
    },
    stop: kill9,
  };
};

const byProcess = (name: string, start: StartProcess): OtherSideKind => ({
  name,
  canBeKilled: true,
  start: () => openProcess(name, start),
});

/** Whispers here are not limited: what is measured is the bridge. */
const wavehall = byProcess('a second Wavehall', (port) =>
  startServer({ ...appEnv(port), WAVEHALL_MAX_CLIENT_EVENTS_PER_SECOND: '0' }),
);

/** A stand-in for Reverb with settings of its own. */
export const standInWith = (env: Readonly<Record<string, string>>): OtherSideKind =>
  byProcess('the stand-in for Reverb', (port) => startStandIn({ ...appEnv(port), ...env }));

const standIn = byProcess('the stand-in for Reverb', (port) => startStandIn(appEnv(port)));

/** A server that a command starts: it is given PORT, APP_ID, APP_KEY and APP_SECRET. */
const startCommand = async (command: string, wantedPort: number): Promise<TestServer> => {
  const port = wantedPort === 0 ? await freePort() : wantedPort;
  const child = spawn('sh', ['-c', `exec ${command}`], {
    env: {
      ...process.env,
      PORT: String(port),
      APP_ID: APP.id,
      APP_KEY: APP.key,
      APP_SECRET: APP.secret,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-20_000)));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const isUp = () =>
    http({ host: '127.0.0.1', port }, { method: 'GET', path: '/up' }).then(
      ({ status }) => status === 200,
      () => false,
    );
  await eventually(isUp, () => `the other side is up: ${output}`, 20_000);
  return {
    host: '127.0.0.1',
    port,
    pid: child.pid ?? 0,
    output: () => output,
    kill: (signal = 'SIGTERM') => void child.kill(signal),
    exited,
    async close() {
      child.kill('SIGKILL');
      await exited;
    },
  };
};

const givenAddress = (text: string): OtherSideKind => ({
  name: `the server at ${text.split(',')[0] ?? ''}`,
  canBeKilled: false,
  async start() {
    const app = parseEndpoint(text);
    const front = await Front.open(app.port);
    const cannot = () => Promise.reject(new Error('a server that is only an address cannot be killed'));
    return {
      name: this.name,
      app,
      url: `http://127.0.0.1:${front.port}`,
      front,
      output: () => '',
      kill9: cannot,
      restart: cannot,
      stop: () => front.refuse(),
    };
  },
});

/**
 * A second Wavehall and the stand-in; instead of them, by hand, WAVEHALL_OTHER_SIDE=HOST:PORT,ID,KEY,SECRET for a server
 * that is there, or WAVEHALL_OTHER_SIDE_START for the command that starts one, e.g. a real Reverb.
 */
export const otherSides = (): readonly OtherSideKind[] => {
  const { WAVEHALL_OTHER_SIDE: address, WAVEHALL_OTHER_SIDE_START: command } = process.env;
  if (address !== undefined) return [givenAddress(address)];
  if (command !== undefined)
    return [byProcess(`the server of ${command}`, (port) => startCommand(command, port))];
  return [wavehall, standIn];
};
