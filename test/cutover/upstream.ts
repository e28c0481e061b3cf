import { APP, APP_VARIABLES } from '../support/app.ts';
import { parseEndpoint } from '../conformance/target.ts';
import { freePort } from '../support/free-port.ts';
import { startStandIn } from '../support/reverb-stand-in.ts';
import { startProcess, type TestServer } from '../support/server-process.ts';
import { startServer } from '../support/server.ts';
import { http, type Endpoint } from '../support/wire-http.ts';
import { UpstreamProxy } from './upstream-proxy.ts';

/** The server that browsers are moved away from, with the faults that a test can cause. */
export interface UpstreamServer {
  readonly name: string;
  /** Its own address, not through the proxy. */
  readonly app: Endpoint;
  /** Value of WAVEHALL_CUTOVER_UPSTREAM. */
  readonly url: string;
  readonly proxy: UpstreamProxy;
  output(): string;
  /** Kills the process and stops listening, as when its machine fails. */
  kill9(): Promise<void>;
  /** Starts it again on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A kind of upstream; `start` starts a new one. */
export interface UpstreamKind {
  readonly name: string;
  /** False for a server that the test has not started itself. */
  readonly canBeKilled: boolean;
  start(): Promise<UpstreamServer>;
}

type StartProcess = (port: number) => Promise<TestServer>;

const appEnv = (port: number): Record<string, string> => ({
  ...APP_VARIABLES,
  REVERB_SERVER_PORT: String(port),
});

const openProcess = async (name: string, start: StartProcess): Promise<UpstreamServer> => {
  let server = await start(0);
  const { port } = server;
  const proxy = await UpstreamProxy.open(port);
  const kill9 = async (): Promise<void> => {
    server.kill('SIGKILL');
    await Promise.all([server.exited, proxy.refuse()]);
  };
  return {
    name,
    app: { ...APP, host: '127.0.0.1', port, prefix: '' },
    url: `http://127.0.0.1:${proxy.port}`,
    proxy,
    output: () => server.output(),
    kill9,
    async restart() {
      server = await start(port);
      await proxy.accept();
    },
    stop: kill9,
  };
};

const byProcess = (name: string, start: StartProcess): UpstreamKind => ({
  name,
  canBeKilled: true,
  start: () => openProcess(name, start),
});

/** Client events are not limited here: the tests measure the bridge. */
const wavehall = byProcess('a second Wavehall', (port) =>
  startServer({ ...appEnv(port), WAVEHALL_MAX_CLIENT_EVENTS_PER_SECOND: '0' }),
);

/** A stand-in for Reverb with settings of its own. */
export const standInWith = (env: Readonly<Record<string, string>>): UpstreamKind =>
  byProcess('the stand-in for Reverb', (port) => startStandIn({ ...appEnv(port), ...env }));

const standIn = byProcess('the stand-in for Reverb', (port) => startStandIn(appEnv(port)));

/** A server that a command starts; the command gets PORT, APP_ID, APP_KEY and APP_SECRET. */
const startCommand = async (command: string, wantedPort: number): Promise<TestServer> => {
  const port = wantedPort === 0 ? await freePort() : wantedPort;
  const isUp = () =>
    http({ host: '127.0.0.1', port }, { method: 'GET', path: '/up' }).then(
      ({ status }) => status === 200,
      () => false,
    );
  return startProcess({
    name: `The server of ${command}`,
    command: 'sh',
    args: ['-c', `exec ${command}`],
    env: { ...process.env, PORT: `${port}`, APP_ID: APP.id, APP_KEY: APP.key, APP_SECRET: APP.secret },
    portOf: async () => ((await isUp()) ? port : undefined),
    stop: (kill) => kill('SIGKILL'),
  });
};

const givenAddress = (text: string): UpstreamKind => ({
  name: `the server at ${text.split(',')[0] ?? ''}`,
  canBeKilled: false,
  async start() {
    const app = parseEndpoint(text);
    const proxy = await UpstreamProxy.open(app.port);
    const cannot = () => Promise.reject(new Error('a server that is only an address cannot be killed'));
    return {
      name: this.name,
      app,
      url: `http://127.0.0.1:${proxy.port}`,
      proxy,
      output: () => '',
      kill9: cannot,
      restart: cannot,
      stop: () => proxy.refuse(),
    };
  },
});

/**
 * A second Wavehall and the stand-in for Reverb. By hand, one other upstream in their place: WAVEHALL_TEST_UPSTREAM with
 * HOST:PORT,ID,KEY,SECRET of a running server, or WAVEHALL_TEST_UPSTREAM_START with the command that starts one.
 */
export const upstreamKinds = (): readonly UpstreamKind[] => {
  const { WAVEHALL_TEST_UPSTREAM: address, WAVEHALL_TEST_UPSTREAM_START: command } = process.env;
  if (address !== undefined) return [givenAddress(address)];
  if (command !== undefined)
    return [byProcess(`the server of ${command}`, (port) => startCommand(command, port))];
  return [wavehall, standIn];
};
