/** The history of a real server with several workers. */
import { expect, test, vi } from 'vitest';
import type { History, NodeRow } from '../../src/core/traffic/history-merge.ts';
import { admin, LONG_MS, openClient, operated, startOperated } from '../cli/operated-server.ts';
import { APP, appAt } from '../support/app.ts';
import { startRedis } from '../support/redis.ts';
import type { TestServer } from '../support/server.ts';
import { publisher } from '../support/wire-http.ts';
import { eventually } from '../support/wire.ts';
import { ask, loggedIn } from './operator.ts';
import { startTwoNodes } from './two-nodes.ts';

vi.setConfig({ testTimeout: 4 * LONG_MS });

const historyOf = async (server: TestServer, query = '') =>
  (await admin(server, 'GET', `/history${query}`)).json as History;
const sum = (values: readonly (number | null)[] = []) =>
  values.reduce<number>((total, each) => total + (each ?? 0), 0);

test('17.4 has the traffic of all workers, for the token and for a session', async () => {
  const redis = await startRedis();
  try {
    const server = await startOperated(operated(redis), ['--workers', '2']);
    for (let client = 0; client < 5; client += 1) await openClient(server);
    const app = publisher(appAt(server));
    for (let event = 0; event < 8; event += 1)
      await app.post('/events', { name: 'x', channel: 'c', data: '{}' });
    let history: History | undefined;
    await eventually(
      async () => sum((history = await historyOf(server, `?app=${APP.id}`)).counts.messages) === 8,
      () => JSON.stringify(history?.counts.messages),
      LONG_MS,
    );
    expect(history?.counts.connections.at(-1)).toBe(5);
    expect(history?.apps).toEqual([APP.id]);
    expect(sum((await historyOf(server)).counts.messages)).toBe(8);
    expect(sum((await historyOf(server, '?app=other')).counts.messages)).toBe(0);
    expect(history?.memoryBytes.at(-1)).toBeGreaterThan(50_000_000);
    expect(history?.points).toBe(1080);
    const since = (history?.fromMs ?? 0) + 1079 * 10_000;
    const recent = await historyOf(server, `?since=${since}`);
    expect([recent.fromMs, recent.points >= 1 && recent.points < 4]).toEqual([since, true]);
    expect((await historyOf(server, '?since=999999999999999')).points).toBe(0);
    expect((await ask(server, 'GET', '/admin/history', await loggedIn(server))).status).toBe(200);
  } finally {
    await redis.close();
  }
});

test('17.4 refuses a question that is not one', async () => {
  const server = await startOperated(operated());
  for (const [query, error] of [
    ['?since=x', 'since: expected a Unix time in milliseconds'],
    ['?since=-1', 'since: expected a Unix time in milliseconds'],
    ['?since=1e9', 'since: expected a Unix time in milliseconds'],
    [`?since=${'1'.repeat(16)}`, 'since: expected a Unix time in milliseconds'],
    ['?form=1', '"form": expected app or node or since'],
    [`?node=${'x'.repeat(1025)}`, 'node: expected 1 to 1024 characters'],
  ] as const)
    expect((await admin(server, 'GET', `/history${query}`)).json).toEqual({ error });
});

interface Nodes {
  readonly nodes: readonly NodeRow[];
  readonly silent: readonly string[] | null;
}

const nodesOf = async (server: TestServer, query = '') =>
  (await admin(server, 'GET', `/nodes${query}`)).json as Nodes;

test('17.15 each process of all nodes has a row, and its steps by its name', async () => {
  const { redis, first, second } = await startTwoNodes();
  for (let client = 0; client < 3; client += 1) await openClient(second);
  let found: Nodes | undefined;
  const counted = (name: 'connections' | 'messages') =>
    (found?.nodes ?? []).map(({ pid, figures }) => [pid, figures[name]] as const);
  await eventually(
    async () => {
      found = await nodesOf(first, `?app=${APP.id}`);
      return counted('connections').some(([pid, count]) => pid === second.pid && count === 3);
    },
    () => JSON.stringify(found),
    LONG_MS,
  );
  expect(found?.silent).toEqual([]);
  expect(counted('connections').map(([, count]) => count)).toHaveLength(3);
  expect(found?.nodes.every(({ figures }) => Number(figures.memoryBytes) > 50_000_000)).toBe(true);
  const node = found?.nodes.find(({ pid }) => pid === second.pid)?.node ?? '';
  const last = async (query: string) => (await historyOf(first, query)).counts.connections.at(-1);
  expect([
    await last(''),
    await last(`?node=${node}`),
    await last('?node=all'),
    await last('?node=x'),
  ]).toEqual([0, 3, 3, null]);

  second.kill('SIGKILL');
  await second.exited;
  expect(await nodesOf(first)).toMatchObject({ nodes: [{}, {}], silent: [node] });
  expect(await historyOf(first, '?node=all')).toMatchObject({ points: 1080, silent: [node] });
  await redis.close();
  await eventually(async () => (await nodesOf(first)).silent === null, 'Redis is known to be away', LONG_MS);
  expect((await nodesOf(first)).nodes).toHaveLength(2);
});

test('17.15 a server that is alone has one row, without a name', async () => {
  const server = await startOperated(operated());
  const { nodes, silent } = await nodesOf(server);
  expect([nodes.length, nodes[0]?.pid, nodes[0]?.node, silent]).toEqual([1, server.pid, undefined, []]);
  expect((await admin(server, 'GET', '/nodes?node=x')).json).toEqual({ error: '"node": expected app' });
});
