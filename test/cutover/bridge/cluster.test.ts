import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { eventually } from '../../support/wire.ts';
import { upstreamKinds, type UpstreamServer } from '../upstream.ts';
import { publisher } from '../../support/wire-http.ts';
import { openBridgedNode, type BridgedNode } from './bridged-node.ts';
import { RecordingClient } from './recording-client.ts';
import { publish } from './bridged-pair.ts';

const QUICK = { reconnectFirstMs: 100, reconnectMostMs: 400, graceMs: 600, retryMostMs: 200 };
const numbers = (count: number): string[] => Array.from({ length: count }, (_, at) => JSON.stringify({ at }));

/** Every event is waited for on every client, also on a machine that is busy. */
vi.setConfig({ testTimeout: 60_000 });

let redis: TestRedis;
let upstream: UpstreamServer;
let nodes: BridgedNode[];
let clients: RecordingClient[];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.close());

const open = (): Promise<BridgedNode> =>
  openBridgedNode({
    upstream: upstream.url,
    limits: QUICK,
    variables: { REVERB_SCALING_ENABLED: 'true', REDIS_URL: redis.url },
  });

const connect = async (app: BridgedNode['app']): Promise<RecordingClient> => {
  const client = await RecordingClient.connect(app);
  clients.push(client);
  return client;
};

const isConnected = (node: BridgedNode): Promise<void> =>
  eventually(() => node.state.connected, 'the bridge is connected', 10_000);

/** Publishes one more event from each side and waits until every client has received it. */
async function fence(channel: string, number: number): Promise<void> {
  const apps = [upstream.app, ...nodes.map(({ app }) => app)];
  for (const [at, app] of apps.entries()) await publish(app, channel, `fence-${number}-${at}`, {});
  for (const at of apps.keys())
    await eventually(
      () => clients.every((client) => client.received(`fence-${number}-${at}`, channel).length > 0),
      `each client receives fence ${at}`,
    );
}

describe.each(upstreamKinds())('three nodes with $name as the upstream', (kind) => {
  beforeEach(async () => {
    clients = [];
    upstream = await kind.start();
    nodes = await Promise.all([open(), open(), open()]);
    await Promise.all(nodes.map(isConnected));
  });
  afterEach(async () => {
    for (const client of clients) client.wire.drop();
    await Promise.all(nodes.map((node) => node.stop()));
    await upstream.stop();
    expect(nodes.flatMap(({ logger }) => logger.errors)).toEqual([]);
  });

  test('11.8 delivers an event of any node or of the upstream once to every client, equal ones too', async () => {
    for (const app of [upstream.app, ...nodes.map((node) => node.app)])
      for (const channel of ['orders', 'private-orders']) await (await connect(app)).join(channel);
    const half = clients.length / 2;
    const [inOrders, inPrivate] = [0, 1].map((rest) => clients.filter((_, at) => at % 2 === rest)) as [
      RecordingClient[],
      RecordingClient[],
    ];
    expect([inOrders.length, inPrivate.length]).toEqual([half, half]);
    const apps = [upstream.app, ...nodes.map((node) => node.app)];
    for (const [index, channel] of ['orders', 'private-orders'].entries()) {
      clients = [inOrders, inPrivate][index] as RecordingClient[];
      await Promise.all(
        apps.map(async (app, at) => {
          for (const data of numbers(15)) {
            await publish(app, channel, `from-${at}`, data);
            await publish(app, channel, 'equal', 'the same');
          }
        }),
      );
      await fence(channel, index);
      for (const client of clients) {
        for (const at of apps.keys()) expect(client.received(`from-${at}`)).toEqual(numbers(15));
        expect(client.received('equal')).toHaveLength(15 * apps.length);
      }
    }
    clients = [...inOrders, ...inPrivate];
  });

  test('11.9, 11.10 presence and client events reach all nodes; a user on two nodes and the upstream is one member', async () => {
    const channel = 'presence-room';
    const apps = [upstream.app, ...nodes.map((node) => node.app)];
    for (const [at, app] of apps.entries())
      await (await connect(app)).join(channel, { user_id: `u${at}`, user_info: { at } });
    for (const app of apps.slice(0, 3))
      await (await connect(app)).join(channel, { user_id: 'shared', user_info: {} });
    const [b, a, c, d] = clients as [RecordingClient, RecordingClient, RecordingClient, RecordingClient];
    const shared = clients.slice(4);
    const all = 'shared,u0,u1,u2,u3';
    await eventually(
      () => clients.every((client) => client.roster(channel).join() === all),
      () => clients.map((client) => client.roster(channel).join()).join(' | '),
      15_000,
    );
    a.sendClientEvent(channel, 'client-x', { from: 'a' });
    b.sendClientEvent(channel, 'client-x', { from: 'b' });
    d.sendClientEvent(channel, 'client-x', {});
    await eventually(
      () => [b, a, c, d].every((client) => client.received('client-x').length >= 2),
      'client events',
    );
    await fence(channel, 1);
    const users = (client: RecordingClient): unknown[] =>
      client.frames.filter(({ event }) => event === 'client-x').map(({ user_id: id }) => id);
    expect(users(b).sort()).toEqual(['u1', 'u3']);
    expect(users(a).sort()).toEqual(['u0', 'u3']);
    expect(users(c).sort()).toEqual(['u0', 'u1', 'u3']);
    expect(users(d).sort()).toEqual(['u0', 'u1']);
    for (const client of shared) client.leave(channel);
    a.leave(channel);
    const remaining = [b, c, d];
    await eventually(
      () => remaining.every((client) => client.roster(channel).join() === 'u0,u2,u3'),
      () => remaining.map((client) => client.roster(channel).join()).join(' | '),
      15_000,
    );
    expect(
      remaining.map((client) =>
        client
          .memberChanges(channel)
          .filter((each) => each.startsWith('-'))
          .sort(),
      ),
    ).toEqual(remaining.map(() => ['-shared', '-u1']));
  });

  test('11.10 counts subscriptions of clients only: no node counts the bridge of any node', async () => {
    const count = async (app: BridgedNode['app']): Promise<unknown[]> => {
      const { get } = publisher(app);
      const one = (await get('/channels/orders', [['info', 'subscription_count']])).json;
      const all = (await get('/channels', [['info', 'subscription_count']])).json as { channels: object };
      return [one, all.channels];
    };
    const all = async (expected: number, on: readonly BridgedNode[] = nodes): Promise<void> => {
      const answer = JSON.stringify([
        { occupied: true, subscription_count: expected },
        { orders: { subscription_count: expected } },
      ]);
      const answers = new Map<BridgedNode, string>();
      await eventually(
        async () => {
          for (const node of on) answers.set(node, JSON.stringify(await count(node.app)));
          return [...answers.values()].every((each) => each === answer);
        },
        () => `${expected} on each node: ${[...answers.values()].join(' | ')}`,
      );
    };
    await (await connect(upstream.app)).join('orders');
    await all(1);
    for (const [at, node] of nodes.entries()) {
      await (await connect(node.app)).join('orders');
      await all(at + 2);
    }
    for (const [at, client] of clients.slice(1).entries()) {
      client.leave('orders');
      await all(3 - at);
    }
  });

  test('11.8, 11.13 delivers each event exactly once after Redis was killed and restarted', async () => {
    const apps = [upstream.app, ...nodes.map((node) => node.app)];
    for (const [at, app] of apps.entries()) {
      const client = await connect(app);
      await client.join('orders');
      await client.join('presence-room', { user_id: `u${at}`, user_info: {} });
    }
    await redis.kill();
    await eventually(
      () => nodes.every(({ stores }) => !stores.isReady()),
      'every node has lost its connection to Redis',
    );
    await publish(upstream.app, 'orders', 'meanwhile', 1);
    await eventually(
      () => clients.every((client) => client.received('meanwhile').length === 1),
      'each node receives the event of the upstream itself',
    );
    await redis.restart();
    await eventually(() => nodes.every(({ stores }) => stores.isReady()), 'Redis is back', 20_000);
    await Promise.all(
      apps.map(async (app, at) => {
        for (const data of numbers(10)) await publish(app, 'orders', `after-${at}`, data);
      }),
    );
    await fence('orders', 1);
    for (const client of clients) {
      for (const at of apps.keys()) expect(client.received(`after-${at}`)).toEqual(numbers(10));
      expect(client.received('meanwhile')).toHaveLength(1);
      expect(client.roster('presence-room')).toEqual(['u0', 'u1', 'u2', 'u3']);
    }
  });
});
