import type { TestContext } from 'vitest';
import { APP, appAt } from '../../support/app.ts';
import { FallbackSocket, type FallbackTransport } from '../../support/fallback-socket.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { type Answer, http, publisher } from '../../support/wire-http.ts';
import { type Frame, Wire, type WireOptions } from '../../support/wire.ts';

export const TRANSPORTS: readonly FallbackTransport[] = ['xhr_streaming', 'xhr_polling'];
export const PATH = `/pusher/app/${APP.key}`;
export const SUBSCRIBED = 'pusher_internal:subscription_succeeded';

/** A server of one test, its clients over HTTP, and its API. */
export interface Site {
  readonly server: TestServer;
  readonly api: ReturnType<typeof publisher>;
  open(transport: FallbackTransport, options?: WireOptions & { readonly path?: string }): Opened;
  /** Opens, and takes the first frame. */
  connect(transport: FallbackTransport, options?: WireOptions): Promise<Opened>;
  post(path: string, body?: string | Buffer, headers?: Record<string, string>): Promise<Answer>;
  connections(): Promise<number>;
  /** Value of a metric, summed over its labels; 0: it is not there. */
  metric(name: string): Promise<number>;
}

/** A client: the session, and its frames. */
export interface Opened {
  readonly socket: FallbackSocket;
  readonly wire: Wire;
}

let shared: Promise<TestServer> | undefined;
const start = (env: Record<string, string>): Promise<TestServer> =>
  startServer({ WAVEHALL_ADMIN_TOKEN: 'token', ...env });

/** Ends the server that the tests without settings share. */
export async function closeShared(): Promise<void> {
  await (await shared)?.close();
}

/** A server for one test; without settings the one that all of them share. The clients end with the test. */
export async function startSite(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  env?: Record<string, string>,
): Promise<Site> {
  const server = await (env === undefined ? (shared ??= start({})) : start(env));
  const opened: Opened[] = [];
  onTestFinished(async () => {
    for (const { wire } of opened) wire.drop();
    if (env !== undefined) await server.close();
  });
  return siteOf(server, opened);
}

function siteOf(server: TestServer, opened: Opened[]): Site {
  const site: Site = {
    server,
    api: publisher(appAt(server)),
    open(transport, { path = `${PATH}?protocol=7`, ...options } = {}) {
      const socket = new FallbackSocket(server, path, transport, options);
      const client = { socket, wire: new Wire(socket as unknown as Wire['socket']) };
      opened.push(client);
      return client;
    },
    async connect(transport, options) {
      const client = site.open(transport, options);
      const { data } = await client.wire.next('pusher:connection_established');
      client.wire.socketId = (JSON.parse(String(data)) as { socket_id: string }).socket_id;
      return client;
    },
    post: (path, body = '', headers = {}) => http(server, { method: 'POST', path, body, headers }),
    async connections() {
      return ((await site.api.get('/connections')).json as { connections: number }).connections;
    },
    metric: (name) => metricOf(server, name),
  };
  return site;
}

async function metricOf(server: TestServer, name: string): Promise<number> {
  const headers = { Authorization: 'Bearer token' };
  const { text } = await http(server, { method: 'GET', path: '/admin/metrics', headers });
  const values = [...text.matchAll(new RegExp(`^${name} (\\S+)$`, 'gm'))];
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

/** Path of a session that no client has. */
let sessions = 0;
export const newSession = (base = PATH): string =>
  `${base}/1/session${String((sessions += 1)).padStart(4, '0')}`;

export const linesOf = (text: string): string[] => text.split('\n').slice(0, -1);

/** Frames in these lines, decoded. */
export const framesIn = (lines: readonly string[]): Frame[] =>
  lines
    .filter((line) => line.startsWith('a'))
    .flatMap((line) => JSON.parse(line.slice(1)) as string[])
    .map((frame) => JSON.parse(frame) as Frame);

export const subscribe = (channel: string): string =>
  JSON.stringify({ event: 'pusher:subscribe', data: { channel } });

/** The body of a send with these frames. */
export const bodyOf = (...frames: readonly string[]): string => JSON.stringify(frames);
