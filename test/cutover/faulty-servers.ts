import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { APP, APP_VARIABLES } from '../support/app.ts';
import { readConfig } from '../../src/config/index.ts';
import type { ProbeSite } from '../../src/cutover/probe/probe-site.ts';
import { startServer } from '../../src/server/index.ts';
import { FakeLogger } from '../core/fakes.ts';
import { channelAuth } from '../support/wire-http.ts';
import { dataOf, Wire } from '../support/wire.ts';

export const probeSiteAt = (port: number, changes: Partial<ProbeSite> = {}): ProbeSite => ({
  url: new URL(`http://127.0.0.1:${port}`),
  appId: APP.id,
  credential: APP,
  ...changes,
});

/** A complete Wavehall in this process, on a free port. */
export async function startServerInProcess(env: Record<string, string> = {}) {
  const config = readConfig({
    REVERB_SERVER_HOST: '127.0.0.1',
    REVERB_SERVER_PORT: '0',
    ...APP_VARIABLES,
    WAVEHALL_DRAIN_SECONDS: '0',
    ...env,
  });
  return startServer(config, new FakeLogger());
}

/** Joins a presence channel of one server as a user; `headers` may request a side of a front door. */
export async function joinPresenceChannel(
  port: number,
  channel: string,
  userId: string,
  headers: Record<string, string> = {},
): Promise<Wire> {
  const wire = await Wire.open({ host: '127.0.0.1', port }, `/app/${APP.key}?protocol=7`, { headers });
  const { socket_id: socketId } = dataOf(await wire.first()) as { socket_id: string };
  const channelData = JSON.stringify({ user_id: userId, user_info: {} });
  const auth = channelAuth(APP, socketId, channel, channelData);
  wire.send({ event: 'pusher:subscribe', data: { channel, auth, channel_data: channelData } });
  await wire.next('pusher_internal:subscription_succeeded');
  return wire;
}

/** Faults between a client and its server. */
export type Fault = 'none' | 'http-500' | 'http-silent' | 'no-delivery' | 'no-upgrade';

export interface FaultyProxy {
  readonly port: number;
  fault: Fault;
  /** Number of open WebSockets. */
  sockets(): number;
  /** Ends all of them. */
  drop(): void;
  close(): Promise<void>;
}

/** A proxy before a server that causes the fault a test sets. `no-delivery`: it drops everything that the server sends. */
export async function startFaultyProxy(target: number): Promise<FaultyProxy> {
  const open = new Set<Duplex>();
  const server = createServer((incoming, response) => {
    if (faulty.fault === 'http-500') return void response.writeHead(500).end('{}');
    if (faulty.fault !== 'http-silent') forwardRequest(target, incoming, response);
  });
  server.on('upgrade', (incoming: IncomingMessage, client: Socket, head: Buffer) => {
    client.on('error', () => undefined);
    if (faulty.fault === 'no-upgrade') return void client.end('HTTP/1.1 503 Service Unavailable\r\n\r\n');
    const upstream = connect(target, '127.0.0.1');
    const lines = incoming.rawHeaders.reduce(
      (text, each, at) => text + each + (at % 2 === 0 ? ': ' : '\r\n'),
      '',
    );
    upstream.write(`GET ${incoming.url ?? ''} HTTP/1.1\r\n${lines}\r\n`);
    upstream.write(head);
    client.pipe(upstream);
    upstream.on('data', (chunk) => faulty.fault === 'no-delivery' || client.write(chunk));
    upstream.on('end', () => client.end());
    for (const socket of [client, upstream]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(client);
        client.destroy();
        upstream.destroy();
      });
    }
    open.add(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const faulty: FaultyProxy = {
    port: (server.address() as AddressInfo).port,
    fault: 'none',
    sockets: () => open.size,
    drop: () => open.forEach((each) => each.destroy()),
    async close() {
      faulty.drop();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return faulty;
}

function forwardRequest(target: number, incoming: IncomingMessage, response: ServerResponse): void {
  const { method, url, headers } = incoming;
  const upstream = request({ port: target, host: '127.0.0.1', method, path: url, headers, agent: false });
  upstream.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 0, answer.headers);
    answer.pipe(response);
  });
  upstream.on('error', () => response.destroy());
  incoming.pipe(upstream);
}

/** Accepts connections and never answers, as a frozen process does. */
export async function startSilentServer() {
  const open = new Set<Socket>();
  const server = createTcpServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
