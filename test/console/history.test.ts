/** The history of a real server with several workers. */
import { expect, test, vi } from 'vitest';
import type { History } from '../../src/core/traffic/history-merge.ts';
import { admin, LONG_MS, openClient, operated, startOperated } from '../cli/operated-server.ts';
import { APP, appAt } from '../support/app.ts';
import { startRedis } from '../support/redis.ts';
import type { TestServer } from '../support/server.ts';
import { publisher } from '../support/wire-http.ts';
import { eventually } from '../support/wire.ts';
import { ask, loggedIn } from './operator.ts';

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
    ['?form=1', '"form": expected app or since'],
  ] as const)
    expect((await admin(server, 'GET', `/history${query}`)).json).toEqual({ error });
});
