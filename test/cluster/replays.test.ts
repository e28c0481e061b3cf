/** Strict replay protection between nodes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { openNode, nodeOptions } from './redis-node.ts';

const MINUTE_MS = 60_000;

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.close());

describe('a signature', () => {
  test('8.2 is accepted once over all nodes, also when all receive it at the same time', async () => {
    const options = nodeOptions({ port: redis.port });
    const nodes = [await openNode(options), await openNode(options), await openNode(options)];
    const [first, second] = nodes;
    expect(await first!.replayGuard.take('a', 'one', MINUTE_MS)).toBe(true);
    expect(await second!.replayGuard.take('a', 'one', MINUTE_MS)).toBe(false);
    expect(await second!.replayGuard.take('b', 'one', MINUTE_MS)).toBe(true);
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, at) =>
        nodes[at % nodes.length]!.replayGuard.take('a', 'two', MINUTE_MS),
      ),
    );
    expect(answers.filter(Boolean)).toHaveLength(1);
  });

  test('8.2 is refused while Redis is unavailable', async () => {
    const own = await startRedis();
    try {
      const node = await openNode(nodeOptions({ port: own.port }));
      await own.kill();
      await expect(node.replayGuard.take('a', 'one', MINUTE_MS)).rejects.toMatchObject({
        name: 'Unavailable',
      });
    } finally {
      await own.close();
    }
  });
});
