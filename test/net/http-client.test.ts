import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { keptConnections, sendRequest } from '../../src/net/http-client.ts';
import { freePort } from '../support/free-port.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function start(listener: RequestListener, connected: (socket: Socket) => void = () => undefined) {
  const server = createServer(listener).on('connection', connected);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/one/../two?three`);
}

const GET = { method: 'GET', timeoutMs: 5000 };

describe('the HTTP client', () => {
  test('11.7 sends the body as JSON with its length, and reads the whole answer', async () => {
    const url = await start((request, response) => {
      const { 'content-type': type, 'content-length': length, connection } = request.headers;
      response.writeHead(201).end(JSON.stringify({ type, length, connection, url: request.url }));
    });
    const { status, text } = await sendRequest(url, { ...GET, method: 'POST', body: '"ü"', path: '/a/../b' });
    expect(status).toBe(201);
    expect(JSON.parse(text)).toEqual({
      type: 'application/json',
      length: '4',
      connection: 'close',
      url: '/a/../b',
    });
  });

  test('11.7 truncates an answer at the maximum size', async () => {
    const url = await start((_, response) => void response.end('x'.repeat(100_000)));
    expect((await sendRequest(url, { ...GET, maxAnswerBytes: 10 })).text).toBe('x'.repeat(10));
  });

  test('11.7 rejects a refused connection as not-sent', async () => {
    const url = new URL(`http://127.0.0.1:${await freePort()}`);
    await expect(sendRequest(url, GET)).rejects.toMatchObject({ kind: 'not-sent', reason: 'ECONNREFUSED' });
  });

  test('11.7 rejects with timeout when no answer arrives in time', async () => {
    const url = await start(() => undefined);
    const asked = sendRequest(url, { ...GET, timeoutMs: 50 });
    await expect(asked).rejects.toMatchObject({ kind: 'timeout', message: 'no answer in 50 ms' });
  });

  test.each<[string, RequestListener]>([
    ['without an answer', (request) => request.socket.destroy()],
    ['within its answer', (_, response) => void response.write('half', () => response.destroy())],
    [
      'with a switch of protocols',
      (request) =>
        void request.socket.end('HTTP/1.1 101 Switching\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n'),
    ],
  ])('11.7 rejects a connection that ends %s as broken', async (_, listener) => {
    const url = await start(listener);
    await expect(sendRequest(url, GET)).rejects.toMatchObject({ kind: 'broken' });
  });

  test('11.7 reuses a kept connection, and rejects as stale when the server resets it', async () => {
    const sockets: Socket[] = [];
    let count = 0;
    const listener: RequestListener = (request, response) =>
      (count += 1) < 3 ? void response.end() : void request.socket.resetAndDestroy();
    const url = await start(listener, (socket) => void sockets.push(socket));
    const agent = keptConnections({ url }, 1);
    ends.push(() => agent.destroy());
    await sendRequest(url, { ...GET, agent });
    await sendRequest(url, { ...GET, agent });
    expect(sockets).toHaveLength(1);
    await expect(sendRequest(url, { ...GET, agent })).rejects.toMatchObject({ kind: 'stale' });
  });

  test('11.7 aborts the request at a signal', async () => {
    const url = await start(() => undefined);
    await expect(sendRequest(url, { ...GET, signal: AbortSignal.timeout(20) })).rejects.toMatchObject({
      kind: 'broken',
    });
  });
});
