/** Connections that an operator looks at, and those that have just closed. */
import { beforeEach, afterEach, expect, test, vi } from 'vitest';
import { encode } from '#protocol';
import { ClosedConnections, MAX_CLOSED } from '../../../src/core/live/inspect/closed-connections.ts';
import { FrameWatch, MAX_FRAMES, MAX_WATCHED, WATCH_MS } from '../../../src/core/live/inspect/frame-log.ts';
import { MAX_NAMES } from '../../../src/core/live/inspect/questions.ts';
import { lineEncoder } from '../../../src/transports/http-fallback/line-encoder.ts';
import { webSocketEncoder } from '../../../src/transports/frame-encoder.ts';
import { FakeSocket, settled, testApp, testConnection, unlimitedOutbound } from '../fakes.ts';
import { APP, openViewed } from './site.ts';

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000, toFake: ['Date', 'setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

const publish = async ({ stores }: ReturnType<typeof openViewed>, event: string, except?: string) => {
  await stores.broker.publish(
    { app: APP, channel: 'orders' },
    { payload: encode.event(event, '"{}"', 'orders'), except },
  );
  await settled();
};

test('17.8 shows a connection: its channels, its user, its bytes, its limits, and the frames since the first look', async () => {
  const site = openViewed();
  const client = await site.on(['orders', 'presence-room'], { user_id: 'ann' });
  client.signin({ id: 'ann' });
  await settled();
  const look = () => site.ask('connection', client.socketId).open;
  expect(look()).toMatchObject({
    ...{ socket: client.socketId, address: '192.0.2.1', transport: 'websocket', user: 'ann', channels: 2 },
    ...{
      names: ['orders', 'presence-room'],
      waitingBytes: 0,
      isSlowReader: false,
      frames: [],
      secure: false,
    },
    limits: { softBytes: 1000, hardBytes: 10_000, messagesPerSecond: 0 },
  });
  await publish(site, 'shipped');
  client.send({ event: 'pusher:ping', data: {} });
  client.send('no JSON');
  client.send({ event: 'x'.repeat(5000) });
  await publish(site, 'own', client.socketId);
  const frames = look()?.frames ?? [];
  expect(frames.map(({ direction, event }) => `${direction} ${event}`)).toEqual([
    'out shipped',
    'in pusher:ping',
    'out pusher:pong',
    'in ',
    'out pusher:error',
    'in ',
  ]);
  expect(frames[0]?.bytes).toBe(encode.event('shipped', '"{}"', 'orders').length);
  expect(JSON.stringify(frames)).not.toContain('{}');
});

test('17.8 each event that is written at once has its own note, without those that exclude the socket', async () => {
  const site = openViewed();
  const client = await site.on(['orders']);
  site.ask('connection', client.socketId);
  const payloads = [
    { payload: encode.event('a', '"1"', 'orders') },
    { payload: encode.event('own', '"2"', 'orders'), except: client.socketId },
    { payload: encode.event('b', '"é"', 'orders') },
  ];
  await Promise.all(
    payloads.map((event) => site.stores.broker.publish({ app: APP, channel: 'orders' }, event)),
  );
  await settled();
  const frames = site.ask('connection', client.socketId).open?.frames ?? [];
  expect(frames.map(({ event }) => event)).toEqual(['a', 'b']);
  expect(frames[1]?.bytes).toBe(Buffer.byteLength(payloads[2]?.payload ?? ''));
});

test.each([
  ['WebSocket', webSocketEncoder],
  ['HTTP fallback', lineEncoder],
] as const)('17.8 the payloads of joined bytes are those that were encoded (%s)', (_, encoder) => {
  const payloads = [
    '{"event":"a","data":"\\"\\n"}',
    '"é😀"',
    `"${'x'.repeat(200)}"`,
    `"${'y'.repeat(70_000)}"`,
  ];
  const joined = Buffer.concat(payloads.map((payload) => encoder.encode(payload)));
  expect(encoder.payloads(joined)).toEqual(payloads);
});

test('17.8 a slow reader is held and ended as it is when nobody looks', async () => {
  const site = openViewed({ buffers: { softBytes: 100, hardBytes: 200 } });
  const client = await site.on(['orders']);
  site.ask('connection', client.socketId);
  client.socket.bufferedBytes = 150;
  await publish(site, 'x');
  expect(site.ask('connection', client.socketId).open).toMatchObject({
    isSlowReader: true,
    waitingBytes: 150,
  });
  client.socket.bufferedBytes = 250;
  await publish(site, 'y');
  expect(client.socket.terminated).toBe(true);
});

test('17.8 nobody looking: a connection keeps no frames, and its outbound rule is that of all', async () => {
  const site = openViewed();
  const client = await site.on(['orders']);
  const [connection] = site.hub.connections();
  const { outbound } = connection!;
  site.ask('connection', client.socketId);
  expect(connection?.outbound).not.toBe(outbound);
  site.clock.pass(WATCH_MS - 1);
  vi.advanceTimersByTime(WATCH_MS);
  expect(connection?.frames).toBeDefined();
  site.clock.pass(1);
  vi.advanceTimersByTime(WATCH_MS);
  expect([connection?.frames, connection?.outbound]).toEqual([undefined, outbound]);
  expect(vi.getTimerCount()).toBe(0);
});

test(`17.6 keeps ${MAX_FRAMES} frames of a connection, and forgets the first of one more`, async () => {
  const site = openViewed();
  const client = await site.on([]);
  const frames = () => site.ask('connection', client.socketId).open?.frames ?? [];
  frames();
  for (let at = 0; at < MAX_FRAMES; at += 1) client.send({ event: 'pusher:pong', data: { at } });
  expect(frames()).toHaveLength(MAX_FRAMES);
  client.send({ event: 'pusher:ping' });
  expect(frames()).toHaveLength(MAX_FRAMES);
  expect(frames().at(-1)?.event).toBe('pusher:pong');
});

test(`17.6 notes the frames of ${MAX_WATCHED} connections; one more ends the one that was looked at longest ago`, () => {
  const watch = new FrameWatch(() => 0);
  const connections = Array.from({ length: MAX_WATCHED + 1 }, () =>
    testConnection({ socket: new FakeSocket() }),
  );
  for (const connection of connections.slice(0, MAX_WATCHED)) watch.look(connection);
  expect(connections.filter(({ frames }) => frames !== undefined)).toHaveLength(MAX_WATCHED);
  watch.look(connections[0]!);
  watch.look(connections[MAX_WATCHED]!);
  expect(connections.map(({ frames }) => frames !== undefined)).toEqual(connections.map((_, at) => at !== 1));
  expect(connections[1]?.outbound).toBe(unlimitedOutbound);
});

test(`17.6 lists ${MAX_NAMES} channels of a connection, and counts all`, async () => {
  const site = openViewed();
  const client = await site.on(Array.from({ length: MAX_NAMES }, (_, at) => `c${at}`));
  const look = () => site.ask('connection', client.socketId).open;
  expect([look()?.names.length, look()?.channels]).toEqual([MAX_NAMES, MAX_NAMES]);
  client.subscribe('one-more');
  await settled();
  expect([look()?.names.length, look()?.channels]).toEqual([MAX_NAMES, MAX_NAMES + 1]);
});

test('17.8 a connection that has just closed is shown with its code and cause, and with its frames if somebody looked', async () => {
  const site = openViewed();
  const [seen, unseen, ended] = [await site.on(['orders']), await site.on([]), await site.on([])];
  site.ask('connection', seen.socketId);
  await publish(site, 'shipped');
  seen.close(1001);
  unseen.close(1006);
  expect(site.ask('end', ended.socketId)).toEqual({ isDone: true });
  ended.close(4009);
  await settled();
  const closed = ({ socketId }: { socketId: string }) => site.ask('connection', socketId).closed;
  expect(closed(seen)).toMatchObject({ code: 1001, cause: 'client', channels: 1, message: undefined });
  expect(closed(seen)?.frames.map(({ event }) => event)).toEqual(['shipped']);
  expect(closed(unseen)).toMatchObject({ code: 1006, cause: 'lost', frames: [] });
  expect(closed(ended)).toMatchObject({ cause: 'terminated', message: 'You got disconnected by the app.' });
  expect(site.ask('connection', '1.1')).toEqual({ closed: undefined });
});

test('17.8 without the admin API no connection that has closed is remembered', () => {
  const closed = new ClosedConnections();
  closed.add(testConnection({ socket: new FakeSocket() }), 1000, 'client', 1);
  expect(closed.get(APP, '1.1')).toBeUndefined();
});

test(`17.6 remembers ${MAX_CLOSED} connections that have closed, and forgets the first of one more`, () => {
  const closed = new ClosedConnections();
  closed.isKept = true;
  const close = (socketId: string) =>
    closed.add(testConnection({ socketId, socket: new FakeSocket() }), 1000, 'client', 1);
  for (let at = 0; at < MAX_CLOSED; at += 1) close(`1.${at}`);
  expect(closed.get(APP, '1.0')).toBeDefined();
  close('one.more');
  expect([closed.get(APP, '1.0'), closed.get(APP, '1.1')?.socket]).toEqual([undefined, '1.1']);
});

test('17.9 asks a connection to reconnect with 4200, and ends one with the code of its app', async () => {
  const site = openViewed({ apps: [testApp({ terminateCloseCode: 4200 })] });
  const [first, second] = [await site.on([]), await site.on([])];
  expect(site.ask('reconnect', first.socketId)).toEqual({ isDone: true });
  expect(first.socket.closed).toEqual({ code: 4200, reason: 'Please reconnect.' });
  expect(site.ask('end', second.socketId)).toEqual({ isDone: true });
  expect(second.socket.closed).toEqual({ code: 4200, reason: 'You got disconnected by the app.' });
  expect([site.ask('end', second.socketId), site.ask('reconnect', '1.1')]).toEqual([
    { isDone: false },
    { isDone: false },
  ]);
  first.close(4200);
  second.close(4200);
  await settled();
  expect([...site.traffic.of(APP).closed.entries()]).toEqual([['terminated', 2]]);
});
