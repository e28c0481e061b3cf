/** Members of presence channels while their node stops: real processes over a real Redis, with a receiver of webhooks. */
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { operate, operated, startOperated } from '../../cli/operated-server.ts';
import { APP, APP_VARIABLES, appAt } from '../../support/app.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { startEndpoint, type TestEndpoint, webhookVariables } from '../../support/webhooks.ts';
import { channelAuth, publisher } from '../../support/wire-http.ts';
import { dataOf, eventually, Wire } from '../../support/wire.ts';

vi.setConfig({ testTimeout: 120_000 });

const LONG_MS = 30_000;
const ROOM = 'presence-room';
const PATH = `/app/${APP.key}?protocol=7`;
const WAITS = 'it waits until its members are back on other nodes';
let prefixes = 0;

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.close());

/** Two nodes, and an endpoint that is sent each change of a member at once. */
async function openNodes(env: Record<string, string> = {}) {
  const endpoint = await startEndpoint('members', ['member_added', 'member_removed', 'channel_vacated']);
  onTestFinished(() => endpoint.close());
  const settings = {
    ...APP_VARIABLES,
    ...webhookVariables([endpoint.json], 0),
    REVERB_SCALING_ENABLED: 'true',
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: `${redis.port}`,
    WAVEHALL_REDIS_PREFIX: `members-${(prefixes += 1)}:`,
    WAVEHALL_LEASE_SECONDS: '2',
    WAVEHALL_DRAIN_SECONDS: '1',
    ...env,
  };
  const start = async (): Promise<TestServer> => {
    const node = await startServer(settings);
    onTestFinished(() => node.close());
    return node;
  };
  return { endpoint, stopped: await start(), other: await start() };
}

async function join(node: TestServer, user: string): Promise<Wire> {
  const wire = await Wire.open(node, PATH);
  onTestFinished(() => wire.drop());
  const { socket_id: socketId } = dataOf(await wire.next('pusher:connection_established')) as {
    socket_id: string;
  };
  const channel_data = JSON.stringify({ user_id: user });
  const auth = channelAuth(APP, socketId, ROOM, channel_data);
  wire.send({ event: 'pusher:subscribe', data: { channel: ROOM, auth, channel_data } });
  return wire;
}

/** Users of the roster that a new member gets. */
async function rosterOf(wire: Wire): Promise<readonly string[]> {
  const frame = await wire.next('pusher_internal:subscription_succeeded', LONG_MS);
  return (dataOf(frame) as { presence: { ids: string[] } }).presence.ids;
}

async function joinAll(node: TestServer, users: readonly string[]): Promise<Wire[]> {
  const wires = await Promise.all(users.map((user) => join(node, user)));
  await Promise.all(wires.map(rosterOf));
  return wires;
}

/** Changes of members that a client received, such as `removed 1`. */
const newsOf = (wire: Wire): string[] =>
  wire.pending
    .filter(({ event }) => String(event).startsWith('pusher_internal:member_'))
    .map((frame) => `${(frame.event as string).slice(23)} ${(dataOf(frame) as { user_id: string }).user_id}`);

/** The same in webhooks, and `vacated`. */
const webhooksOf = (endpoint: TestEndpoint): string[] =>
  endpoint.events().map(({ name, user_id }) => `${name.replace(/^.*_/, '')} ${user_id ?? ROOM}`);

const named = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${name}${at}`);

const removed = (users: readonly string[]): string[] => users.map((user) => `removed ${user}`).sort();

test('2.13 members who are back on another node within 3 seconds cause no news; the others leave once', async () => {
  const { endpoint, stopped, other } = await openNodes();
  const [returning, gone] = [named('back', 20), named('gone', 5)];
  const [watcher] = (await joinAll(other, ['watcher'])) as [Wire];
  const wires = await joinAll(stopped, [...returning, ...gone]);
  await eventually(() => newsOf(watcher).length === wires.length, 'all have joined', LONG_MS);
  await eventually(() => webhooksOf(endpoint).length === wires.length + 1, 'webhooks of that', LONG_MS);
  await watcher.settle();

  stopped.kill();
  const rosters = await Promise.all(
    returning.map(async (user, at) => {
      const { code } = await wires[at]!.closing(LONG_MS);
      expect(code).toBe(4200);
      return rosterOf(await join(other, user));
    }),
  );
  // Nobody was missing at any time, for those who came back.
  for (const roster of rosters)
    expect(
      returning.filter((user) => !roster.includes(user)).concat(roster.includes('watcher') ? [] : ['w']),
    ).toEqual([]);
  expect(await stopped.exited).toBe(0);
  expect(stopped.output()).toContain(WAITS);
  await eventually(() => newsOf(watcher).length >= gone.length, 'those who are gone have left', LONG_MS);
  await eventually(() => webhooksOf(endpoint).length >= 26 + gone.length, 'webhooks of that', LONG_MS);
  expect(await rosterOf(await join(other, 'last'))).toHaveLength(returning.length + 2);
  await watcher.until(
    () => newsOf(watcher).includes('added last'),
    () => 'the last one',
    LONG_MS,
  );
  const news = newsOf(watcher).filter((each) => each !== 'added last');
  expect(news.sort()).toEqual(removed(gone));
  await endpoint.arrived({ name: 'member_added', user_id: 'last' }, LONG_MS);
  expect(
    webhooksOf(endpoint)
      .filter((each) => !each.startsWith('added'))
      .sort(),
  ).toEqual(removed(gone));
});

test('2.13 a second signal ends the wait at once: those who are not back have left when the process ends', async () => {
  const { endpoint, stopped, other } = await openNodes({ WAVEHALL_DRAIN_PRESENCE_SECONDS: '600' });
  const [watcher] = (await joinAll(other, ['watcher'])) as [Wire];
  const wires = await joinAll(stopped, ['back', 'gone']);
  await eventually(() => newsOf(watcher).length === 2, 'both have joined', LONG_MS);
  await eventually(() => webhooksOf(endpoint).length === 3, 'webhooks of that', LONG_MS);
  await watcher.settle();
  stopped.kill();
  await Promise.all(wires.map((wire) => wire.closing(LONG_MS)));
  expect([...(await rosterOf(await join(other, 'back')))].sort()).toEqual(['back', 'gone', 'watcher']);
  await eventually(() => stopped.output().includes(WAITS), 'the node waits', LONG_MS);
  expect(await watcher.settle()).toEqual([]);
  stopped.kill();
  expect(await stopped.exited).toBe(0);
  await watcher.until(
    () => newsOf(watcher).length > 0,
    () => 'the news',
    LONG_MS,
  );
  await endpoint.arrived({ name: 'member_removed' }, LONG_MS);
  expect([newsOf(watcher), webhooksOf(endpoint).slice(3)]).toEqual([['removed gone'], ['removed gone']]);
});

test('2.13 when the node is killed while it waits, those who are not back leave with its lease', async () => {
  const { stopped, other } = await openNodes({ WAVEHALL_DRAIN_PRESENCE_SECONDS: '600' });
  const [watcher] = (await joinAll(other, ['watcher'])) as [Wire];
  const wires = await joinAll(stopped, ['back', 'gone']);
  await eventually(() => newsOf(watcher).length === 2, 'both have joined', LONG_MS);
  await watcher.settle();
  stopped.kill();
  await Promise.all(wires.map((wire) => wire.closing(LONG_MS)));
  await rosterOf(await join(other, 'back'));
  await eventually(() => stopped.output().includes(WAITS), 'the node waits', LONG_MS);
  stopped.kill('SIGKILL');
  await watcher.until(
    () => newsOf(watcher).length > 0,
    () => 'the news',
    LONG_MS,
  );
  expect(newsOf(watcher)).toEqual(['removed gone']);
});

test('2.13 publishes are taken until the last member has left', async () => {
  const { stopped, other } = await openNodes({ WAVEHALL_DRAIN_PRESENCE_SECONDS: '600' });
  const [wire] = (await joinAll(stopped, ['gone'])) as [Wire];
  const [watcher] = (await joinAll(other, ['watcher'])) as [Wire];
  stopped.kill();
  await wire.closing(LONG_MS);
  await eventually(() => stopped.output().includes(WAITS), 'the node waits', LONG_MS);
  const answer = await publisher(appAt(stopped)).post('/events', {
    name: 'published',
    channel: ROOM,
    data: '{}',
  });
  expect(answer.status).toBe(200);
  await watcher.next('published', LONG_MS);
  stopped.kill();
  expect(await stopped.exited).toBe(0);
});

/** Joins again each time that the server closes its socket, until the test ends. */
async function stayIn(server: TestServer, user: string): Promise<{ joins: number }> {
  const member = { joins: 0 };
  let isOver = false;
  onTestFinished(() => void (isOver = true));
  const stay = async (): Promise<void> => {
    const wire = await join(server, user);
    await rosterOf(wire);
    member.joins += 1;
    void wire.closed.then(() => (isOver ? undefined : stay()));
  };
  await stay();
  return member;
}

test('2.13 a restart of all workers, one by one, is no news of their members', async () => {
  const endpoint = await startEndpoint('members', ['member_added', 'member_removed']);
  onTestFinished(() => endpoint.close());
  const env = { ...operated(redis), ...webhookVariables([endpoint.json], 0) };
  const server = await startOperated({ ...env, WAVEHALL_DRAIN_SECONDS: '1' }, ['--workers=2']);
  const users = named('user', 20);
  const members = await Promise.all(users.map((user) => stayIn(server, user)));
  await eventually(() => webhooksOf(endpoint).length === users.length, 'all have joined', LONG_MS);
  const { code, stderr } = await operate(server, ['restart']);
  expect([code, stderr]).toEqual([0, '']);
  expect(members.filter(({ joins }) => joins < 2)).toEqual([]);
  expect(await rosterOf(await join(server, 'last'))).toHaveLength(users.length + 1);
  await endpoint.arrived({ name: 'member_added', user_id: 'last' }, LONG_MS);
  expect(webhooksOf(endpoint).sort()).toEqual([...users, 'last'].map((user) => `added ${user}`).sort());
});
