/** The transport alone: a fake core, fake nodes, and real HTTP. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { Unavailable } from '../../../src/core/ports/failures.ts';
import type { SessionNodes } from '../../../src/core/ports/nodes/session-nodes.ts';
import type { Handshake, Socket } from '../../../src/core/ports/transport.ts';
import { addressIn } from '../../../src/transports/http-fallback/address.ts';
import { HttpFallbackTransport } from '../../../src/transports/http-fallback/transport.ts';
import { PeerReader } from '../../../src/transports/peer.ts';
import { MemorySessionNodes } from '../../../src/stores/memory/session-nodes.ts';
import { type Answer, http } from '../../support/wire-http.ts';
import { eventually } from '../../support/wire.ts';
import { linesOf } from './site.ts';

interface OpenedSession {
  readonly socket: Socket;
  readonly handshake: Handshake;
  readonly received: string[];
  readonly closed: number[];
  alive: number;
}

interface Options {
  readonly nodes?: SessionNodes;
  readonly maxSessions?: number;
  readonly closedSessions?: number;
  readonly closedBytes?: number;
  readonly unavailableFor?: () => 'memory_short' | 'server_closing' | undefined;
}

/** A server with this transport alone, whose core notes what it is told. */
async function start({ nodes = new MemorySessionNodes(), ...options }: Options = {}) {
  const opened: OpenedSession[] = [];
  const refused: string[] = [];
  const transport = new HttpFallbackTransport({
    gateway: {
      opened(socket, handshake) {
        const session: OpenedSession = { socket, handshake, received: [], closed: [], alive: 0 };
        opened.push(session);
        return {
          received: (message) => void session.received.push(message.toString()),
          alive: () => void (session.alive += 1),
          closed: (code) => void session.closed.push(code),
        };
      },
    },
    unavailableFor: options.unavailableFor ?? (() => undefined),
    peers: new PeerReader([]),
    nodes,
    limits: {
      awayMs: 10_000,
      heartbeatMs: 25_000,
      queuedWrites: 5,
      waitingMessages: 10,
      waitingBytes: 1000,
      closedSessions: options.closedSessions ?? 10,
      closedBytes: options.closedBytes ?? 1000,
    },
    maxSessions: options.maxSessions ?? 0,
    messageBytes: 1000,
    refusals: { count: (reason) => void refused.push(reason) },
  });
  const server = createServer((incoming, response) => serve(transport, incoming, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    transport.stop();
    server.close();
    server.closeAllConnections();
  });
  const place = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const post = (path: string, body = ''): Promise<Answer> => http(place, { method: 'POST', path, body });
  const connections = promisify<number>((done) => server.getConnections(done));
  return { transport, opened, refused, place, post, connections };
}

/** Serves `/{session}/{purpose}`. */
function serve(transport: HttpFallbackTransport, incoming: IncomingMessage, response: ServerResponse): void {
  const [, session = '', purpose = ''] = (incoming.url ?? '').split('/');
  const address = addressIn({ key: 'key', server: '1', session, tab: 'tab-1234-tab-1234' });
  if (address === undefined) return transport.refusePath(incoming, response);
  const exchange = { request: incoming, response, address };
  if (purpose === 'xhr_send') void transport.send(exchange);
  else void transport.receive(exchange, purpose === 'xhr' ? 'xhr_polling' : 'xhr_streaming');
}

const write = ({ socket }: OpenedSession, text: string): void => socket.write(Buffer.from(`${text}\n`));

test('10.3 the tab id of the path is a part of the handshake', async () => {
  const { opened, post } = await start();
  await post('/session1/xhr');
  expect(opened[0]?.handshake).toMatchObject({ appKey: 'key', tab: 'tab-1234-tab-1234', origin: undefined });
});

test('10.8 while memory is short, a new session is answered with 503, and a living one goes on', async () => {
  let isFull = false;
  const { opened, refused, post } = await start({
    unavailableFor: () => (isFull ? 'memory_short' : undefined),
  });
  await post('/session1/xhr');
  isFull = true;
  expect(await post('/session2/xhr')).toMatchObject({ status: 503, text: 'Memory is short.' });
  expect([opened.length, refused]).toEqual([1, ['memory_short']]);
  write(opened[0]!, 'line');
  expect((await post('/session1/xhr')).text).toBe('line\n');
  expect((await post('/session2/xhr_send', '[]')).status).toBe(404);
});

test('10.8 a node has as many sessions as it may, and refuses one more with 4100', async () => {
  const { opened, refused, post } = await start({ maxSessions: 2 });
  for (const session of ['session1', 'session2']) expect((await post(`/${session}/xhr`)).text).toBe('o\n');
  const lines = linesOf((await post('/session3/xhr')).text);
  expect([lines[0], lines.at(-1)]).toEqual(['o', 'c[4100,"Server is over capacity"]']);
  expect([opened.length, refused]).toEqual([2, ['server_full']]);
  opened[0]?.socket.terminate();
  expect((await post('/session3/xhr')).text).toBe('o\n');
});

test('10.4 a session is told of its end after the call that ends it', async () => {
  const { opened, post } = await start();
  await post('/session1/xhr');
  opened[0]?.socket.terminate();
  expect(opened[0]?.closed).toEqual([]);
  await turn();
  expect(opened[0]?.closed).toEqual([1006]);
  opened[0]?.socket.close(4200, 'late');
  opened[0]?.socket.terminate();
  await turn();
  expect(opened[0]?.closed).toEqual([1006]);
});

test('10.4 as many frames wait as may, and the session ends with one more', async () => {
  const { opened, refused, post } = await start();
  await post('/session1/xhr');
  for (let written = 0; written < 5; written += 1) write(opened[0]!, `${written}`);
  await turn();
  expect(opened[0]?.closed).toEqual([]);
  write(opened[0]!, 'one more');
  await turn();
  expect([opened[0]?.closed, refused]).toEqual([[1006], ['slow_reader']]);
});

test('10.4 a response that breaks off before all is taken ends the session, and any other does not', async () => {
  const { opened, place } = await start();
  const receive = async (session: string): Promise<{ destroy(): void }> => {
    const made = request({ ...place, method: 'POST', path: `/${session}/xhr_streaming` });
    made.on('error', () => undefined).end();
    const [answer] = (await once(made, 'response')) as [IncomingMessage];
    answer.on('error', () => undefined).pause();
    return made;
  };
  const whole = await receive('session1');
  await eventually(() => opened[0]?.socket.bufferedBytes === 0, 'all is taken');
  whole.destroy();
  await eventually(() => opened[0]?.socket.isAway === true, 'the response is gone');
  expect(opened[0]?.closed).toEqual([]);
  const lossy = await receive('session2');
  opened[1]?.socket.write(Buffer.alloc(20_000_000, 'x'));
  lossy.destroy();
  await eventually(() => opened[1]?.closed.length === 1, 'the session has ended');
  expect(opened[1]?.closed).toEqual([1006]);
});

test('10.4 closed sessions are remembered up to a number, and up to their bytes', async () => {
  for (const options of [{ closedSessions: 2 }, { closedBytes: 100 }]) {
    const { opened, post } = await start(options);
    for (const session of ['session1', 'session2', 'session3']) await post(`/${session}/xhr`);
    for (const [at, session] of opened.entries()) {
      write(session, `${at}`.repeat(30));
      session.socket.close(4200, 'closed');
    }
    expect((await post('/session1/xhr')).text).toBe('o\n');
    for (const [at, session] of ['session2', 'session3'].entries())
      expect(linesOf((await post(`/${session}/xhr`)).text)).toEqual([
        `${at + 1}`.repeat(30),
        'c[4200,"closed"]',
      ]);
  }
});

test('10.4 a closed session is remembered for its time and not longer', async () => {
  const { transport, opened, post } = await start();
  await post('/session1/xhr');
  opened[0]?.socket.close(4200, 'closed');
  transport.tick(9999);
  expect((await post('/session1/xhr')).text).toBe('c[4200,"closed"]\n');
  transport.tick(1);
  expect((await post('/session1/xhr')).text).toBe('o\n');
});

test('10.4 a client that is away leaves after its time and not before', async () => {
  const { transport, opened, post } = await start();
  await post('/session1/xhr');
  await eventually(() => opened[0]?.socket.isAway === true, 'the response is gone');
  transport.tick(1000);
  transport.tick(9999);
  await turn();
  expect(opened[0]?.closed).toEqual([]);
  transport.tick(1);
  await turn();
  expect([opened[0]?.closed, transport.size]).toEqual([[1006], 0]);
});

test('10.6 a body that breaks off has no effect', async () => {
  const { opened, place, post } = await start();
  await post('/session1/xhr');
  const made = request({
    ...place,
    method: 'POST',
    path: '/session1/xhr_send',
    headers: { 'Content-Length': 100 },
  });
  made.on('error', () => undefined);
  made.write('["a","b"]');
  await eventually(() => opened[0]?.socket.isAway === true, 'the response is gone');
  made.destroy();
  await post('/session1/xhr_send', '["c"]');
  expect(opened[0]?.received).toEqual(['c']);
});

test('10.6 messages wait while the session is not read, and those of a session that was closed are dropped', async () => {
  const { opened, post } = await start();
  for (const session of ['session1', 'session2']) await post(`/${session}/xhr`);
  for (const { socket } of opened) socket.stopReading(1);
  for (const session of ['session1', 'session2'])
    expect((await post(`/${session}/xhr_send`, '["a","b"]')).status).toBe(204);
  expect(opened.map(({ received }) => received)).toEqual([[], []]);
  opened[1]?.socket.close(4200, 'closed');
  for (const { socket } of opened) socket.resumeReading(1);
  await turn();
  expect(opened.map(({ received }) => received)).toEqual([['a', 'b'], []]);
});

test('10.9 while the nodes cannot be asked, a node serves its own sessions and opens new ones', async () => {
  const away = (): Promise<never> => Promise.reject(new Unavailable('away'));
  const nodes: SessionNodes = {
    ...{ name: 'this', claim: away, holderOf: away },
    onMessage: () => undefined,
    send: () => undefined,
    release: () => undefined,
  };
  const { opened, post } = await start({ nodes });
  expect((await post('/session1/xhr')).text).toBe('o\n');
  expect((await post('/session1/xhr_send', '["a"]')).status).toBe(204);
  expect((await post('/session2/xhr_send', '["a"]')).status).toBe(404);
  expect(opened[0]?.received).toEqual(['a']);
});

test('10.9 a session is given up when it is forgotten, and when its client has left before it was opened', async () => {
  const held = new Set<string>();
  let claimed: () => void = () => undefined;
  let isSlow = false;
  const nodes: SessionNodes = {
    name: 'this',
    onMessage: () => undefined,
    send: () => undefined,
    async claim(session) {
      held.add(session);
      if (isSlow) await new Promise<void>((resolve) => (claimed = resolve));
      return 'this';
    },
    holderOf: () => Promise.resolve(undefined),
    release: (session) => void held.delete(session),
  };
  const { opened, place, post, connections } = await start({ nodes, maxSessions: 1 });
  await post('/session1/xhr');
  await post('/session2/xhr');
  expect(held.size).toBe(1);
  opened[0]?.socket.terminate();
  expect(held.size).toBe(0);
  isSlow = true;
  const made = request({ ...place, method: 'POST', path: '/session3/xhr' }).on('error', () => undefined);
  made.end();
  await eventually(() => held.size === 1, 'the session is claimed');
  made.destroy();
  await eventually(async () => (await connections()) === 0, 'the client has left');
  claimed();
  await eventually(() => held.size === 0, 'the session is given up');
  expect(opened).toHaveLength(1);
});
