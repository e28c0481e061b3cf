/** The loss meter of nodes in this process, over a real Redis and a real Redis Cluster. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NodePair } from '../../../src/core/ports/nodes/loss-meter.ts';
import { encodeNumbered } from '../../../src/stores/redis/health/loss/numbered-message.ts';
import { Keys } from '../../../src/stores/redis/keys.ts';
import { openMemoryStores } from '../../../src/stores/memory/index.ts';
import { startCluster, type TestCluster } from '../../support/redis-groups.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { eventually } from '../../support/wire.ts';
import { nodeOptions, openNode } from '../redis-node.ts';

type Node = Awaited<ReturnType<typeof openNode>>;

const WAIT_MS = 15_000;
const INVENTED = 3000;

const meterOf = ({ lossMeter }: Node) => {
  if (lossMeter === undefined) throw new Error('no loss meter');
  return lossMeter;
};
const nameOf = (node: Node): string => meterOf(node).report().node;
const pairsOf = (node: Node): readonly NodePair[] => meterOf(node).report().pairs;
const pairOf = (node: Node, from: Node): NodePair | undefined =>
  pairsOf(node).find((pair) => pair.from === nameOf(from));
const received = (node: Node, from: Node): number => pairOf(node, from)?.received ?? 0;
const hears = (node: Node, from: Node, more = 3): Promise<void> => {
  const before = received(node, from);
  return eventually(
    () => received(node, from) >= before + more,
    'messages of the other node arrive',
    WAIT_MS,
  );
};

test('12.3 a single node without Redis has no loss meter', () => {
  expect(openMemoryStores().lossMeter).toBeUndefined();
});

describe('over one Redis', () => {
  let redis: TestRedis;
  let client: Redis;
  beforeAll(async () => {
    redis = await startRedis();
    client = new Redis(redis.port);
  });
  afterAll(async () => {
    client.disconnect();
    await redis.close();
  });

  test('12.2 each node counts every other node and not itself, and loses nothing', async () => {
    const options = nodeOptions({ port: redis.port });
    const nodes = [await openNode(options), await openNode(options), await openNode(options)];
    await Promise.all(
      nodes.flatMap((node) => nodes.filter((one) => one !== node).map((one) => hears(node, one))),
    );
    for (const node of nodes) {
      expect(
        pairsOf(node)
          .map(({ from }) => from)
          .sort(),
      ).toEqual(
        nodes
          .filter((one) => one !== node)
          .map(nameOf)
          .sort(),
      );
      for (const pair of pairsOf(node)) expect(pair).toMatchObject({ lost: 0, doubled: 0 });
      expect(node.count('invalid_data_total')).toBe(0);
      expect(node.logger.warnings).toEqual([]);
    }
    expect(new Set(nodes.map(nameOf)).size).toBe(3);
  });

  test('12.1 each of its own messages gives a node the lag of Redis', async () => {
    const node = await openNode(nodeOptions({ port: redis.port }));
    const lags: number[] = [];
    meterOf(node).onLag((seconds) => lags.push(seconds));
    await eventually(() => lags.length >= 3, 'lags are measured', WAIT_MS);
    for (const lag of lags) expect(lag).toBeGreaterThan(0);
    expect(Math.min(...lags)).toBeLessThan(0.1);
    expect(pairsOf(node)).toEqual([]);
  });

  test('12.1 nodes of two installations do not count each other, and report no invalid data', async () => {
    const options = nodeOptions({ port: redis.port });
    const appWith = (secret: string) => [{ id: 'a', credentials: [{ key: 'k', secret }] }];
    const [a, b, c] = [
      await openNode({ ...options, apps: appWith('one') }),
      await openNode({ ...options, apps: appWith('two') }),
      await openNode({ ...options, apps: appWith('two') }),
    ];
    await Promise.all([hears(b, c), hears(c, b)]);
    expect(pairsOf(a)).toEqual([]);
    expect(pairsOf(b).map(({ from }) => from)).toEqual([nameOf(c)]);
    for (const node of [a, b, c]) expect(node.count('invalid_data_total')).toBe(0);
  });

  test('12.3 invalid messages are counted as invalid data and bounded, and the real ones are still counted', async () => {
    const options = nodeOptions({ port: redis.port });
    const channel = new Keys(options.keyPrefix, options.partitions).lossMeter(0);
    const [a, b] = [await openNode(options), await openNode(options)];
    await hears(a, b);
    const invalid = [
      '',
      '{}',
      'x'.repeat(10 * 1024 * 1024),
      encodeNumbered({ ...real(nameOf(b)), number: 1e15 }),
    ];
    for (const text of invalid) await client.publish(channel, text);
    await eventually(() => a.count('invalid_data_total') === invalid.length, 'they are counted', WAIT_MS);
    await hears(a, b);
    expect(pairOf(a, b)).toMatchObject({ lost: 0, doubled: 0 });
    const pipeline = client.pipeline();
    for (let at = 0; at < INVENTED; at += 1)
      pipeline.publish(channel, encodeNumbered(real(`invented${`${at}`.padStart(4, '0')}`)));
    await pipeline.exec();
    await eventually(
      () => a.count('invalid_data_total') === invalid.length + INVENTED - 999,
      'the rest is refused',
      WAIT_MS,
    );
    await hears(a, b);
    expect(pairsOf(a)).toHaveLength(101);
    const all = pairsOf(a).reduce((sum, pair) => sum + pair.received, 0) - received(a, b);
    expect(all).toBe(999);
    const lines = a.logger.warnings.filter(({ message }) => message.startsWith('Ignored an invalid message'));
    expect(lines).toHaveLength(1);
  }, 60_000);

  test('12.3 a node that claims to be this one changes nothing', async () => {
    const options = nodeOptions({ port: redis.port });
    const channel = new Keys(options.keyPrefix, options.partitions).lossMeter(0);
    const [a, b] = [await openNode(options), await openNode(options)];
    const lags: number[] = [];
    meterOf(a).onLag((seconds) => lags.push(seconds));
    for (const number of [1, 2, 1e15, 77])
      await client.publish(channel, encodeNumbered({ ...real(nameOf(a)), number, attempt: 9 }));
    await hears(a, b);
    expect(pairsOf(a)).toHaveLength(1);
    expect(Math.max(...lags)).toBeLessThan(WAIT_MS / 1000);
  });

  test('12.3 nothing of it is stored in Redis', async () => {
    const options = nodeOptions({ port: redis.port });
    const [a, b] = [await openNode(options), await openNode(options)];
    await hears(a, b);
    const keys = await client.keys(`${options.keyPrefix}*`);
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.filter((key) => /loss/.test(key))).toEqual([]);
    expect((await a.membership.channels('a', '')).size).toBe(0);
  });
});

const real = (from: string) => ({ from, scope: '', number: 1, attempt: 1, sentMs: 1 });

describe('over a Redis Cluster', () => {
  let cluster: TestCluster;
  beforeAll(async () => void (cluster = await startCluster()));
  afterAll(() => cluster.close());

  const shards = <T>(use: (client: Redis) => Promise<T>): Promise<T[]> =>
    Promise.all(
      cluster.masters.map(async ({ port }) => {
        const client = new Redis(port);
        try {
          return await use(client);
        } finally {
          client.disconnect();
        }
      }),
    );

  test('12.1 messages go through every server in turn, and none is lost', async () => {
    const options = nodeOptions({ cluster: cluster.addresses });
    const [a, b] = [await openNode(options), await openNode(options)];
    const heard = cluster.masters.map(() => 0);
    const listeners = await Promise.all(
      cluster.masters.map(async ({ port }, at) => {
        const client = new Redis(port);
        client.on('smessage', () => void (heard[at] = (heard[at] ?? 0) + 1));
        const channels = (await client.call(
          'PUBSUB',
          'SHARDCHANNELS',
          `${options.keyPrefix}*:loss`,
        )) as string[];
        expect(channels.length).toBeGreaterThan(0);
        for (const channel of channels) await client.ssubscribe(channel);
        return client;
      }),
    );
    try {
      await eventually(() => heard.every((count) => count > 0), 'every server carries messages', 40_000);
    } finally {
      for (const client of listeners) client.disconnect();
    }
    await Promise.all([hears(a, b), hears(b, a)]);
    for (const [node, from] of [
      [a, b],
      [b, a],
    ] as const)
      expect(pairOf(node, from)).toMatchObject({ lost: 0, doubled: 0 });
  }, 60_000);

  test('12.2 after broken subscriptions it counts on, and nothing is doubled', async () => {
    const options = nodeOptions({ cluster: cluster.addresses });
    const [a, b] = [await openNode(options), await openNode(options)];
    await Promise.all([hears(a, b), hears(b, a)]);
    await shards((client) => client.call('CLIENT', 'KILL', 'TYPE', 'pubsub'));
    await eventually(() => !a.isReady(), 'the node is not ready');
    await Promise.all([a.ready(), b.ready()]);
    await Promise.all([hears(a, b, 5), hears(b, a, 5)]);
    expect(pairOf(a, b)).toMatchObject({ doubled: 0 });
    expect(pairOf(a, b)?.lost).toBeLessThan(5);
    expect(a.count('invalid_data_total')).toBe(0);
  }, 60_000);
});
