import { once } from 'node:events';
import { Agent, get, IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { queryObjects, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { readConfig } from '../../src/config.ts';
import { type Server, startServer } from '../../src/server.ts';
import { FakeJournal } from '../core/fakes.ts';

const SOCKETS = 2000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Objects of a class, and of those that inherit from it, which are alive. */
function alive(constructor: new (...args: never[]) => object): number {
  collectGarbage();
  return queryObjects(constructor, { format: 'count' });
}

let server: Server;
const clients: WebSocket[] = [];

beforeAll(async () => {
  const config = readConfig({
    REVERB_SERVER_HOST: '127.0.0.1',
    REVERB_SERVER_PORT: '0',
    WAVEHALL_DRAIN_SECONDS: '0',
  });
  server = await startServer(config, new FakeJournal());
});
afterAll(async () => {
  for (const client of clients) client.terminate();
  await server.stop();
});

/** A socket that is subscribed and from then on idle; its own upgrade request is forgotten, too. */
async function idle(): Promise<void> {
  const client = new WebSocket(`ws://127.0.0.1:${server.port}/app/app-key`, { perMessageDeflate: false });
  await once(client, 'message');
  client.send('{"event":"pusher:subscribe","data":{"channel":"orders"}}');
  await once(client, 'message');
  clients.push(client);
}

test('2.9 an idle socket keeps no request and no response alive', async () => {
  await idle();
  const before = {
    requests: alive(IncomingMessage),
    responses: alive(ServerResponse),
    sockets: alive(Socket),
  };
  for (let at = 0; at < SOCKETS; at += 50) await Promise.all(Array.from({ length: 50 }, idle));
  expect(server.connections()).toBe(SOCKETS + 1);
  await new Promise((resolve) => setImmediate(resolve));
  // Both ends of every connection live in this process: the counting itself is seen to work.
  expect(alive(Socket) - before.sockets).toBeGreaterThanOrEqual(2 * SOCKETS);
  expect(alive(IncomingMessage) - before.requests).toBeLessThan(SOCKETS / 10);
  expect(alive(ServerResponse) - before.responses).toBeLessThan(SOCKETS / 10);
});

test('8.11 the counting finds a request that is kept', async () => {
  const before = alive(IncomingMessage);
  const kept: IncomingMessage[] = [];
  const agent = new Agent({ keepAlive: false });
  for (let at = 0; at < 20; at += 1) {
    const request = get({ agent, host: '127.0.0.1', port: server.port, path: '/live' });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    kept.push(response);
  }
  expect(alive(IncomingMessage) - before).toBeGreaterThanOrEqual(kept.length);
});
