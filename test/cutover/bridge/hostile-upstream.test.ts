import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { eventually } from '../../support/wire.ts';
import { openBridgedNode, type BridgedNode } from './bridged-node.ts';
import { RecordingClient } from './recording-client.ts';
import { publish } from './bridged-pair.ts';

const QUICK = { reconnectFirstMs: 50, reconnectMostMs: 100, subscribeWaitMs: 200, pingMs: 50, pongMs: 200 };
const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;

let http: Server;
let node: BridgedNode;
const sockets: WebSocket[] = [];

/** An upstream that greets, and then sends what the test sends. */
async function open(
  answer: (socket: WebSocket, text: string) => void,
  status = 200,
  body = '{}',
): Promise<void> {
  http = createServer((request, response) => {
    request.resume();
    response.writeHead(status).end(body);
  });
  new WebSocketServer({ server: http }).on('connection', (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('message', (message: Buffer) => answer(socket, message.toString()));
    socket.send(
      '{"event":"pusher:connection_established","data":"{\\"socket_id\\":\\"1.1\\",\\"activity_timeout\\":30}"}',
    );
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as { port: number };
  node = await openBridgedNode({ upstream: `http://127.0.0.1:${port}`, limits: QUICK });
  await eventually(() => node.state.connected, 'connected');
}

/** Answers a ping; false for any other message. */
const answersPing = (socket: WebSocket, text: string): boolean => {
  if (!text.includes('pusher:ping')) return false;
  socket.send('{"event":"pusher:pong"}');
  return true;
};

afterEach(async () => {
  await node.stop();
  for (const socket of sockets.splice(0)) socket.terminate();
  http.closeAllConnections();
  http.close();
});

const garbage = [
  '',
  'x',
  '[]',
  '{"event":7}',
  '{"event":"pusher:error"}',
  '{"event":"pusher:error","data":{"code":null,"message":{}}}',
  '{"event":"pusher:pong"}',
  '{"event":"pusher:connection_established","data":"{}"}',
  `{"event":"deep","channel":"orders","data":${deep}}`,
  `{"event":"client-deep","channel":"presence-room","data":${deep},"user_id":{}}`,
  '{"event":"pusher_internal:subscription_succeeded","channel":"presence-room","data":"[1,2"}',
  '{"event":"pusher_internal:subscription_succeeded","channel":"presence-room","data":{"presence":{"ids":[null,[],{}],"hash":7}}}',
  '{"event":"pusher_internal:member_added","channel":"presence-room","data":"{\\"user_id\\":null}"}',
  '{"event":"pusher_internal:member_added","channel":"presence-room"}',
  `{"event":"pusher_internal:member_added","channel":"presence-room","data":{"user_id":"z","user_info":${deep}}}`,
  '{"event":"pusher_internal:member_removed","channel":"presence-room","data":"{\\"user_id\\":\\"nobody\\"}"}',
  '{"event":"pusher_internal:what","channel":"orders","data":"{}"}',
  '{"event":"e","channel":"not-asked-for","data":"{}"}',
  '{"event":"pusher:subscription_error","channel":"orders","data":{}}',
  '{"event":"pusher:cache_miss","channel":"orders"}',
];

describe('an upstream that breaks the protocol', () => {
  test('11.6 invalid frames are ignored: clients of this side receive their events, and no error is logged', async () => {
    await open((socket, text) => {
      if (!answersPing(socket, text)) for (const each of garbage) socket.send(each);
      socket.send(Buffer.from([0xff, 0xfe, 0x00]));
    });
    const [a, b] = [await RecordingClient.connect(node.app), await RecordingClient.connect(node.app)];
    for (const client of [a, b]) {
      await client.join('orders');
      await client.join('presence-room', { user_id: client === a ? 'a' : 'b' });
    }
    await publish(node.app, 'orders', 'fine', 1);
    a.sendClientEvent('presence-room', 'client-x', {});
    await eventually(
      () => a.received('fine').length === 1 && b.received('client-x').length === 1,
      'Wavehall delivers',
    );
    a.leave('presence-room');
    await eventually(() => b.memberChanges('presence-room').includes('-a'), 'a has left');
    expect(a.received('pusher_internal:what')).toEqual([]);
    expect(node.logger.errors).toEqual([]);
    for (const client of [a, b]) client.wire.drop();
  });

  test('11.13 closes and reopens a connection whose pings it does not answer', async () => {
    await open(() => undefined);
    await eventually(() => sockets.length > 1, 'another connection');
    expect(node.state.lastError).toBe('no pong in time');
  });

  test('11.6 clients wait a bounded time when it confirms no subscription', async () => {
    await open((socket, text) => void answersPing(socket, text));
    const client = await RecordingClient.connect(node.app);
    const beganMs = performance.now();
    await client.join('orders');
    await client.join('presence-room', { user_id: 'a' });
    const tookMs = performance.now() - beganMs;
    expect(tookMs).toBeGreaterThan(350);
    expect(tookMs).toBeLessThan(2000);
    client.wire.drop();
  });

  test('11.7 sends the other events of a batch of which it refuses one', async () => {
    const bodies: string[] = [];
    await open((socket, text) => void answersPing(socket, text));
    http.removeAllListeners('request');
    http.on('request', (request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const isBad = body.includes('bad');
        if (!isBad) bodies.push(body);
        response.writeHead(isBad ? 422 : 200).end('{}');
      });
    });
    await Promise.all(['1', 'bad', '3', '4'].map((data) => publish(node.app, 'orders', 'e', data)));
    await eventually(() => node.state.queue.events === 0, 'all is sent');
    expect(bodies.map((body) => (JSON.parse(body) as { data: string }).data)).toEqual(['1', '3', '4']);
    expect(node.state).toMatchObject({ forwarded: 3, dropped: { refused: 1 } });
  });

  test('11.7 counts an event whose request it cuts off as too large, and forwards the others', async () => {
    await open((socket, text) => void answersPing(socket, text));
    http.removeAllListeners('request');
    http.on('request', (request, response) => {
      const isTooLarge = Number(request.headers['content-length']) > 10_000;
      if (isTooLarge) request.socket.resetAndDestroy();
      else response.writeHead(200).end('{}');
    });
    await publish(node.app, 'orders', 'large', 'x'.repeat(10_000));
    await publish(node.app, 'orders', 'small', 'x');
    await eventually(() => node.state.queue.events === 0, 'the queue is empty');
    expect(node.state).toMatchObject({ forwarded: 1, dropped: { 'too-large': 1 } });
  });

  test.each([
    ['shows as many members of its channel as are allowed', 2, {}],
    [
      'shows the first ones and counts the rest when there are more than are allowed',
      3,
      { 'too-many-members': 1 },
    ],
  ])('11.9 %s', async (_what, count, dropped) => {
    const ids = Array.from({ length: count }, (_, at) => `there-${at}`);
    const hash = Object.fromEntries(ids.map((id) => [id, {}]));
    await open((socket, text) => {
      const { event, data } = JSON.parse(text) as { event: string; data: { channel?: string } };
      if (answersPing(socket, text) || event !== 'pusher:subscribe') return;
      const roster = JSON.stringify({ presence: { count, ids, hash } });
      const answer = { event: 'pusher_internal:subscription_succeeded', channel: data.channel, data: roster };
      socket.send(JSON.stringify(answer));
    });
    await node.stop();
    const { port } = http.address() as { port: number };
    node = await openBridgedNode({ upstream: `http://127.0.0.1:${port}`, limits: { ...QUICK, members: 2 } });
    await eventually(() => node.state.connected, 'connected');
    const client = await RecordingClient.connect(node.app);
    await client.join('presence-room', { user_id: 'here' });
    await eventually(() => client.roster('presence-room').length >= 3, 'the members of both sides');
    expect(client.roster('presence-room')).toEqual(['here', 'there-0', 'there-1']);
    expect(node.state.dropped).toEqual(dropped);
    client.wire.drop();
  });

  test('11.10 opens as many connections as are allowed, and no more', async () => {
    await open((socket, text) => void answersPing(socket, text));
    await node.stop();
    const { port } = http.address() as { port: number };
    node = await openBridgedNode({
      upstream: `http://127.0.0.1:${port}`,
      limits: { ...QUICK, connections: 2 },
    });
    await eventually(() => node.state.connected, 'connected');
    const clients = await Promise.all(['a', 'b', 'c'].map(() => RecordingClient.connect(node.app)));
    for (const [at, client] of clients.entries()) await client.join('presence-room', { user_id: `u${at}` });
    expect(node.state).toMatchObject({ members: 2, dropped: { 'too-many-connections': 1 } });
    expect(clients[2]?.roster('presence-room')).toEqual(['u0', 'u1', 'u2']);
    for (const client of clients) client.leave('presence-room');
    await eventually(() => node.state.members === 0, 'no member is left');
    for (const client of clients) client.wire.drop();
  });
});
