/** Channels, users and connections of several processes and nodes, over a real Redis. */
import { hostname } from 'node:os';
import { expect, test, vi } from 'vitest';
import { admin, LONG_MS, openClient, operated, startOperated, TOKEN } from '../cli/operated-server.ts';
import { APP } from '../support/app.ts';
import type { TestServer } from '../support/server.ts';
import { eventually } from '../support/wire.ts';
import { ask, loggedIn } from './operator.ts';
import { clientOn, errorOf, publish, startTwoNodes } from './two-nodes.ts';

vi.setConfig({ testTimeout: 5 * LONG_MS });

const QUERY = `app=${APP.id}`;
const CHANNEL = 'presence-cache-room';

interface Place {
  readonly node?: string;
  readonly host: string;
  readonly pid: number;
  readonly count: number;
}
interface Names {
  readonly found: readonly { readonly name: string; readonly count: number; readonly processes: Place[] }[];
  readonly silent: readonly string[] | null;
}
interface Shown {
  readonly open: Readonly<Record<string, unknown>> | null;
  readonly closed: Readonly<Record<string, unknown>> | null;
  readonly process?: Place;
}

const look = async <T>(server: TestServer, path: string): Promise<T> => {
  const answer = await admin(server, 'GET', path);
  expect(answer.status, answer.text).toBe(200);
  return answer.json as T;
};
const connectionOf = (server: TestServer, socket: string) =>
  look<Shown>(server, `/connection?${QUERY}&socket=${socket}`);
const act = async (server: TestServer, path: string, body: object) =>
  ask(server, 'POST', `/admin${path}`, await loggedIn(server), body);

test('17.7 each worker of each node answers for its channels and users, and any of them is asked', async () => {
  const { first, second } = await startTwoNodes();
  for (const server of [first, first, first, first, second])
    await clientOn(server, ['orders', CHANNEL], server === second ? 'bob' : 'ann');
  await publish(first, CHANNEL, 'shipped', '{"card":4242}');
  for (const server of [first, second]) {
    const { found, silent } = await look<Names>(server, `/channels?${QUERY}&search=ORD`);
    expect(silent).toEqual([]);
    expect(found.map(({ name, count }) => [name, count])).toEqual([['orders', 5]]);
    const places = found[0]?.processes ?? [];
    expect(places.reduce((sum, { count }) => sum + count, 0)).toBe(5);
    expect(new Set(places.map(({ node }) => node)).size).toBe(places.length);
    expect(places.map(({ pid }) => pid)).toContain(second.pid);
    expect(places.every(({ host }) => host === hostname())).toBe(true);
    const users = await look<Names>(server, `/users?${QUERY}`);
    expect(users.found.map(({ name, count }) => [name, count])).toEqual([
      ['ann', 4],
      ['bob', 1],
    ]);
    const user = await look<{ connections: { user: string; pid: number }[] }>(
      server,
      `/user?${QUERY}&user=bob`,
    );
    expect(user.connections).toMatchObject([{ user: 'bob', pid: second.pid, channels: 2 }]);
    const masked = await admin(server, 'GET', `/channel?${QUERY}&channel=${CHANNEL}`);
    expect(masked.json).toMatchObject({
      occupancy: { subscriptions: 5, users: 2 },
      members: { total: 2, ids: ['ann', 'bob'] },
      events: [{ event: 'shipped', offset: 1 }],
      cached: { event: 'shipped' },
      silent: [],
    });
    expect(masked.text).not.toContain('4242');
    const skipped = await look(server, `/channel?${QUERY}&channel=${CHANNEL}&skip=1&data=1`);
    expect(skipped).toMatchObject({
      members: { total: 2, ids: ['bob'] },
      events: [{ data: '{"card":4242}' }],
    });
  }
});

test('17.8 a connection of another node is shown with its frames, and with its reason when it has closed', async () => {
  const { first, second } = await startTwoNodes();
  const client = await clientOn(second, ['orders', 'presence-room'], 'ann');
  expect((await connectionOf(first, client.socketId)).open).toMatchObject({
    ...{ address: '127.0.0.1', transport: 'websocket', user: 'ann', channels: 2, frames: [] },
    names: ['orders', 'presence-room'],
  });
  await publish(first, 'orders', 'shipped', '{"card":4242}');
  await client.next('shipped', LONG_MS);
  client.send({ event: 'pusher:ping', data: {} });
  await client.next('pusher:pong', LONG_MS);
  const shown = await connectionOf(first, client.socketId);
  expect(shown.process).toMatchObject({ pid: second.pid });
  expect((shown.open?.['frames'] as { event: string }[]).map(({ event }) => event)).toEqual([
    'shipped',
    'pusher:ping',
    'pusher:pong',
  ]);
  client.socket.close(1001);
  await client.closed;
  await eventually(
    async () => (await connectionOf(first, client.socketId)).closed !== null,
    'it has closed',
    LONG_MS,
  );
  expect(await connectionOf(first, client.socketId)).toMatchObject({
    open: null,
    closed: { code: 1001, cause: 'client', user: 'ann', channels: 2 },
    process: { pid: second.pid },
  });
  expect(await connectionOf(first, '1.2')).toEqual({ open: null, closed: null, silent: [] });
});

test('17.9 a connection of another node is asked to reconnect, or ended; and all of a user on all nodes', async () => {
  const { first, second } = await startTwoNodes();
  const [moved, ended, other] = [
    await clientOn(second, []),
    await clientOn(second, []),
    await clientOn(second, [], 'bob'),
  ];
  const users = [await clientOn(first, [], 'ann'), await clientOn(second, ['presence-room'], 'ann')];
  const body = (socket: string) => ({ app: APP.id, socket });
  expect((await act(first, '/connection/reconnect', body(moved.socketId))).status).toBe(200);
  expect(await errorOf(moved)).toEqual({ code: 4200, message: 'Please reconnect.' });
  expect((await moved.closed).code).toBe(4200);
  expect((await act(first, '/connection/end', body(ended.socketId))).status).toBe(200);
  expect((await ended.closed).code).toBe(4009);
  const none = await act(first, '/connection/end', body(ended.socketId));
  expect([none.status, none.json]).toEqual([
    409,
    { error: 'No connection of this app has this socket id: it is closed, or its node does not answer.' },
  ]);
  expect((await act(first, '/user/end', { app: APP.id, user: 'ann' })).status).toBe(200);
  for (const wire of users) expect((await wire.closed).code).toBe(4009);
  await other.settle();
  expect(other.ended).toBeUndefined();
  const lines = [
    `"action":"POST /admin/connection/reconnect","app":"app-id","socket":"${moved.socketId}","address":"127.0.0.1","status":200`,
    '"action":"POST /admin/user/end","app":"app-id","user":"ann","address":"127.0.0.1","status":200',
  ];
  await eventually(
    () => lines.every((line) => first.output().includes(line)),
    () => first.output(),
    LONG_MS,
  );
});

test('17.7 without Redis the workers answer, and say that the other nodes are not known; a dead node is named', async () => {
  const { redis, first, second } = await startTwoNodes({ WAVEHALL_LEASE_SECONDS: '12' });
  const wires = [await clientOn(first, ['orders']), await clientOn(first, ['orders'])];
  const ids = (await look<Names>(first, `/channels?${QUERY}`)).silent;
  expect(ids).toEqual([]);
  second.kill('SIGKILL');
  await second.exited;
  const { found, silent } = await look<Names>(first, `/channels?${QUERY}`);
  expect([found[0]?.count, silent?.length]).toEqual([2, 1]);
  await redis.close();
  await eventually(
    async () => (await look<Names>(first, `/channels?${QUERY}`)).silent === null,
    'Redis is away',
    LONG_MS,
  );
  expect((await look<Names>(first, `/channels?${QUERY}`)).found).toMatchObject([
    { name: 'orders', count: 2 },
  ]);
  expect(await look(first, `/channel?${QUERY}&channel=orders`)).toMatchObject({
    problem: expect.any(String) as string,
    connections: [{}, {}],
    silent: null,
  });
  const [wire] = wires;
  expect((await act(first, '/connection/end', { app: APP.id, socket: wire?.socketId })).status).toBe(200);
  expect((await act(first, '/user/end', { app: APP.id, user: 'ann' })).status).toBe(503);
});

const ACTIONS = [
  ['/connection/reconnect', { app: APP.id, socket: '1.2' }],
  ['/connection/end', { app: APP.id, socket: '1.2' }],
  ['/user/end', { app: APP.id, user: 'ann' }],
] as const;

test('17.3 no other page closes a connection, whatever the cookie is', async () => {
  const server = await startOperated(operated());
  const client = await clientOn(server, [], 'ann');
  const headers = await loggedIn(server);
  const without = (name: string) =>
    Object.fromEntries(Object.entries(headers).filter(([each]) => each !== name));
  const foreign = [
    without('origin'),
    without('x-wavehall-console'),
    { ...headers, origin: 'https://evil.test' },
    { ...headers, 'sec-fetch-site': 'cross-site' },
  ];
  for (const given of foreign)
    for (const [path, body] of ACTIONS) {
      const target = 'socket' in body ? { ...body, socket: client.socketId } : body;
      expect((await ask(server, 'POST', `/admin${path}`, given, target)).status).toBe(403);
      expect((await ask(server, 'GET', `/admin${path}`, headers)).status).not.toBe(200);
    }
  for (const [path, body] of ACTIONS)
    expect((await ask(server, 'POST', `/admin${path}`, {}, body)).status).toBe(401);
  await client.settle();
  expect(client.ended).toBeUndefined();
});

test('17.3 a console that is read-only shows connections and closes none; the token does', async () => {
  const server = await startOperated({ ...operated(), WAVEHALL_CONSOLE: 'read' });
  const client = await clientOn(server, ['orders'], 'ann');
  const headers = await loggedIn(server);
  const socket = client.socketId;
  const reads = [
    '/channels?',
    '/channel?channel=orders&',
    '/users?',
    '/user?user=ann&',
    `/connection?socket=${socket}&`,
  ];
  for (const path of reads) {
    const answer = await ask(server, 'GET', `/admin${path}${QUERY}`, headers);
    expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-store']);
    expect(answer.text).not.toContain(APP.secret);
    expect((await ask(server, 'GET', `/admin${path}${QUERY}`)).status).toBe(401);
  }
  for (const [path, body] of ACTIONS) {
    const answer = await ask(server, 'POST', `/admin${path}`, headers, body);
    expect([answer.status, answer.json]).toEqual([
      403,
      { error: 'The console is read-only: WAVEHALL_CONSOLE=read.' },
    ]);
  }
  const line = '"action":"POST /admin/user/end","address":"127.0.0.1","status":403';
  await eventually(
    () => server.output().includes(line),
    () => server.output(),
    LONG_MS,
  );
  await client.settle();
  const token = { authorization: `Bearer ${TOKEN}` };
  expect((await ask(server, 'POST', '/admin/connection/end', token, { app: APP.id, socket })).status).toBe(
    200,
  );
  expect((await client.closed).code).toBe(4009);
});

test('17.7 refuses questions that are none', async () => {
  const server = await startOperated(operated());
  await openClient(server);
  const long = 'x'.repeat(1025);
  for (const [path, error] of [
    ['/channels', 'app: expected 1 to 1024 characters'],
    ['/channels?app=other', 'app "other": expected the id of an app'],
    [`/channels?${QUERY}&search=${long}`, 'search: expected 1 to 1024 characters'],
    [`/channels?${QUERY}&form=1`, '"form": expected app or search or after'],
    [`/channel?${QUERY}`, 'channel: expected 1 to 1024 characters'],
    [`/channel?${QUERY}&channel=c&skip=-1`, 'skip: expected a whole number'],
    [`/channel?${QUERY}&channel=c&data=yes`, 'data: expected 0 or 1'],
    [`/user?${QUERY}&user=`, 'user: expected 1 to 1024 characters'],
    [`/connection?${QUERY}&socket=${long}`, 'socket: expected 1 to 1024 characters'],
  ] as const) {
    const answer = await admin(server, 'GET', path);
    expect([answer.status, answer.json], path).toEqual([400, { error }]);
  }
  expect((await admin(server, 'GET', `/user?${QUERY}&user=${'x'.repeat(1024)}`)).status).toBe(200);
  expect((await admin(server, 'GET', `/channel?${QUERY}&channel=__proto__`)).status).toBe(200);
  for (const body of [
    [],
    { app: APP.id },
    { app: APP.id, socket: 7 },
    { app: APP.id, socket: '1.2', user: 'x' },
  ])
    expect((await act(server, '/connection/end', body)).status).toBe(400);
  expect((await act(server, '/user/end', { app: APP.id, user: long })).status).toBe(400);
  expect((await act(server, '/user/end', { app: APP.id, user: 'x'.repeat(5000) })).status).toBe(413);
});

test(`17.6 the bytes of a search stay few with thousands of channels, and the page after a name continues`, async () => {
  const server = await startOperated({ ...operated(), WAVEHALL_MAX_CHANNELS_PER_CONNECTION: '5000' });
  const client = await openClient(server);
  const name = (at: number) => `orders.${String(at).padStart(4, '0')}`;
  for (let at = 0; at < 2000; at += 1)
    client.send({ event: 'pusher:subscribe', data: { channel: name(at) } });
  await client.settle();
  const page = await admin(server, 'GET', `/channels?${QUERY}&search=orders*`);
  const { found } = page.json as Names;
  expect([found.length, found[49]?.name, page.text.length < 20_000]).toEqual([50, name(49), true]);
  const next = await look<Names>(server, `/channels?${QUERY}&search=orders*&after=${name(1979)}`);
  expect(next).toMatchObject({ more: false, isCut: false });
  expect(next.found.map((each) => each.name)).toEqual(Array.from({ length: 20 }, (_, at) => name(1980 + at)));
});
