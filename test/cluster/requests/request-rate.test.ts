/** The limit of requests of an app over several nodes and one Redis. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { openNode, nodeOptions } from '../redis-node.ts';

type Node = Awaited<ReturnType<typeof openNode>>;

let redis: TestRedis;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.port, '127.0.0.1');
});
afterAll(async () => {
  client.disconnect();
  await redis.close();
});

const RATE = { perSecond: 40, burst: 20 };
/** Tokens that a node holds in advance. */
const PORTION = 2;

/** Takes as fast as it can until so many were taken, on these nodes in turn; how many seconds it took. */
async function secondsFor(most: number, nodes: readonly Node[]): Promise<number> {
  const startMs = performance.now();
  for (let at = 0, taken = 0; taken < most; at += 1) {
    const { isTaken } = await nodes[at % nodes.length]!.requestRate.take('a', RATE);
    if (isTaken) taken += 1;
    else await new Promise(setImmediate);
  }
  return (performance.now() - startMs) / 1000;
}

/** Requests that all nodes together may accept in this time. */
const mostIn = (seconds: number, nodes: number, bursts = 1): number =>
  bursts * RATE.burst + RATE.perSecond * seconds + nodes * PORTION;

const openNodes = async (count: number) => {
  const options = nodeOptions({ port: redis.port });
  const nodes: Node[] = [];
  for (let at = 0; at < count; at += 1) nodes.push(await openNode(options));
  return { nodes, bucket: `${options.keyPrefix}0:{p0}:rate:a` };
};

describe('the rate of an app', () => {
  test.each([1, 2, 4])('8.15 with %d nodes it is the burst and the rate, and no more', async (count) => {
    const { nodes } = await openNodes(count);
    expect(mostIn(await secondsFor(80, nodes), count)).toBeGreaterThanOrEqual(80);
  });

  test('8.15 one node gets the rate when the others are idle', async () => {
    const { nodes } = await openNodes(3);
    for (const node of nodes) await node.requestRate.take('a', RATE);
    const seconds = await secondsFor(80, nodes.slice(0, 1));
    expect(mostIn(seconds, 1)).toBeGreaterThanOrEqual(80);
    // 69 of them had to come: 20, less what three nodes have taken, were there.
    expect(seconds).toBeLessThan(3 * (69 / RATE.perSecond));
  });

  test('8.15 a clock that was set back empties the bucket, and does not close it', async () => {
    const { nodes, bucket } = await openNodes(1);
    await client.set(bucket, `${(Date.now() + 3_600_000) * 1000}`);
    const { isTaken, waitMs } = await nodes[0]!.requestRate.take('a', RATE);
    expect(isTaken).toBe(false);
    expect(waitMs).toBeLessThanOrEqual((1000 / RATE.perSecond) * PORTION);
    expect(await secondsFor(10, nodes)).toBeGreaterThanOrEqual((10 - PORTION) / RATE.perSecond);
  });

  test.each([
    ['a text', (key: string) => client.set(key, 'nan')],
    ['an empty text', (key: string) => client.set(key, '')],
    ['a number without end', (key: string) => client.set(key, '9'.repeat(400))],
    ['a list', (key: string) => client.rpush(key, 'x')],
  ])('8.15 %s of another program in its key does not stop it', async (_, write) => {
    const { nodes, bucket } = await openNodes(1);
    await write(bucket);
    expect(mostIn(await secondsFor(30, nodes), 1)).toBeGreaterThanOrEqual(30);
  });

  test('8.15 the key of an app without requests expires', async () => {
    const { nodes, bucket } = await openNodes(1);
    await nodes[0]!.requestRate.take('a', RATE);
    expect(await client.pttl(bucket)).toBeGreaterThan(0);
    expect(await client.pttl(bucket)).toBeLessThanOrEqual(1000);
  });
});

describe('while Redis is away', () => {
  test('8.15 each node has its share; a Redis that is back and empty gives a burst and then the rate', async () => {
    const own = await startRedis();
    onTestFinished(() => own.close());
    const options = nodeOptions({ port: own.port });
    const nodes = [await openNode(options), await openNode(options)];
    for (const node of nodes) await node.requestRate.take('a', RATE);
    await own.kill();
    expect(mostIn(await secondsFor(80, nodes), 2)).toBeGreaterThanOrEqual(80);
    await own.restart();
    for (const node of nodes) await node.ready();
    const isShared = async () => {
      await nodes[0]!.requestRate.take('a', RATE);
      return countKeys(own.port, '*:rate:a');
    };
    await expect.poll(isShared).toBe(1);
    expect(mostIn(await secondsFor(80, nodes), 2, 2)).toBeGreaterThanOrEqual(80);
  });
});

async function countKeys(port: number, pattern: string): Promise<number> {
  const own = new Redis(port, '127.0.0.1');
  const keys = await own.keys(pattern);
  own.disconnect();
  return keys.length;
}
