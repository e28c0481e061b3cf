/** Nodes in this process that tell each other that they are behind, over a real Redis and a real Redis Cluster. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CALM } from '../../../src/core/ports/nodes/cluster-load.ts';
import { encodeLoad } from '../../../src/stores/redis/health/load/load-message.ts';
import { Keys } from '../../../src/stores/redis/keys.ts';
import { openMemoryStores } from '../../../src/stores/memory/index.ts';
import { startCluster, type TestCluster } from '../../support/redis-groups.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { eventually } from '../../support/wire.ts';
import { nodeOptions, openNode } from '../redis-node.ts';

type Node = Awaited<ReturnType<typeof openNode>>;

const WAIT_MS = 15_000;
const LOAD = { delayMs: 500, refused: 0, memoryShort: false };

const loadOf = ({ clusterLoad }: Node) => {
  if (clusterLoad === undefined) throw new Error('no load of the cluster');
  return clusterLoad;
};

/** Reports until the other node knows, as a node that is behind does. */
const tells = (from: Node, to: Node): Promise<void> =>
  eventually(
    () => {
      loadOf(from).report(LOAD);
      return loadOf(to).nodesBehind > 0;
    },
    'the other node knows',
    WAIT_MS,
  );

test('12.4 a single node without Redis neither sends nor receives', () => {
  expect(openMemoryStores().clusterLoad).toBeUndefined();
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

  test('12.4 a node that is behind is known to every other one, and not to itself', async () => {
    const options = nodeOptions({ port: redis.port });
    const [a, b, c] = [await openNode(options), await openNode(options), await openNode(options)];
    await Promise.all([tells(a, b), tells(a, c)]);
    expect([a, b, c].map((node) => loadOf(node).nodesBehind)).toEqual([0, 1, 1]);
    loadOf(a).report(CALM);
    await eventually(() => loadOf(b).nodesBehind === 0, 'it has caught up', WAIT_MS);
    for (const node of [a, b, c]) expect(node.count('invalid_data_total')).toBe(0);
  });

  test('12.4 nodes of two installations do not hear each other, and report no invalid data', async () => {
    const options = nodeOptions({ port: redis.port });
    const appWith = (secret: string) => [{ id: 'a', credentials: [{ key: 'k', secret }] }];
    const [a, b, c] = [
      await openNode({ ...options, apps: appWith('one') }),
      await openNode({ ...options, apps: appWith('two') }),
      await openNode({ ...options, apps: appWith('two') }),
    ];
    await tells(b, c);
    expect([loadOf(a).nodesBehind, a.count('invalid_data_total')]).toEqual([0, 0]);
  });

  test('12.4 a message of a newer node is understood, one of a higher version ignored, another one counted as invalid', async () => {
    const options = nodeOptions({ port: redis.port });
    const node = await openNode(options);
    const channel = new Keys(options.keyPrefix, options.partitions).load();
    const message = JSON.parse(encodeLoad({ from: 'newer-node-1', scope: '', ...LOAD })) as object;
    await client.publish(channel, JSON.stringify({ version: 2, words: 'other' }));
    await client.publish(channel, 'nonsense');
    await client.publish(channel, JSON.stringify({ ...message, further: { field: 1 } }));
    await eventually(() => loadOf(node).nodesBehind === 1, 'the newer node is known', WAIT_MS);
    expect(node.count('invalid_data_total')).toBe(1);
  });

  test('12.4 it is heard again after the connection was lost', async () => {
    const own = await startRedis();
    try {
      const options = nodeOptions({ port: own.port });
      const [a, b] = [await openNode(options), await openNode(options)];
      await tells(a, b);
      await own.kill();
      await eventually(() => !a.isReady() && !b.isReady(), 'both have lost Redis', WAIT_MS);
      loadOf(a).report(LOAD);
      await own.restart();
      await Promise.all([a.ready(), b.ready()]);
      await eventually(() => loadOf(b).nodesBehind === 0, 'what was said before is over', WAIT_MS);
      await tells(a, b);
    } finally {
      await own.close();
    }
  });
});

describe('over a Redis Cluster', () => {
  let cluster: TestCluster;
  beforeAll(async () => void (cluster = await startCluster()));
  afterAll(() => cluster.close());

  test('12.4 a node that is behind is known to the other', async () => {
    const options = nodeOptions({ cluster: cluster.addresses });
    const [a, b] = [await openNode(options), await openNode(options)];
    await tells(a, b);
    expect(loadOf(a).nodesBehind).toBe(0);
  });
});
