/** Publishes with an idempotency key on several nodes and one Redis, with nodes that end in the middle. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Cluster, type TestNode } from '../../support/cluster.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { type Answer, publisher } from '../../support/wire-http.ts';
import { openNode, nodeOptions } from '../redis-node.ts';

const REF = { app: 'a', channel: 'orders' };
const KEEP = { size: 100, ttlSeconds: 60, lastSeconds: 0 };
const ONCE = { id: 'request:0', ttlMs: 60_000 };
const KEYED = { app: 'a', key: 'k'.repeat(22), request: 'r'.repeat(22) };

describe('a node that fails between the key and the answer', () => {
  let redis: TestRedis;
  beforeAll(async () => void (redis = await startRedis()));
  afterAll(() => redis.close());

  /** Two nodes, the first behind a proxy, and a request that the first has begun. */
  async function begun() {
    const options = nodeOptions({ port: redis.port, commandTimeoutMs: 300 });
    const proxy = await FaultProxy.open(redis.port);
    const failing = await openNode({ ...options, port: proxy.port });
    onTestFinished(() => proxy.close());
    const other = await openNode(options);
    await other.broker.subscribe(REF);
    expect((await failing.idempotencyKeys.claim(KEYED, 60_000)).use).toBe('first');
    const publish = (node: typeof other) => node.broker.publishOnce(REF, { payload: 'p' }, ONCE, KEEP);
    return { proxy, failing, other, publish };
  }

  test('8.16 after the event was published: another node publishes nothing and answers', async () => {
    const { proxy, failing, other, publish } = await begun();
    expect(await publish(failing)).toBe(true);
    proxy.setFault('blackholed');
    expect((await other.idempotencyKeys.claim(KEYED, 60_000)).use).toBe('repeated');
    expect(await publish(other)).toBe(false);
    await other.broker.publish(REF, { payload: 'last' }, KEEP);
    await expect.poll(() => other.payloads('orders')).toEqual(['p', 'last']);
  });

  test('8.16 before the event was published: another node publishes it', async () => {
    const { proxy, failing, other, publish } = await begun();
    proxy.setFault('blackholed');
    await expect(publish(failing)).rejects.toThrow();
    expect(await publish(other)).toBe(true);
    expect(await publish(other)).toBe(false);
    await expect.poll(() => other.payloads('orders')).toEqual(['p']);
  });

  test.each([
    ['keys', '{p*}:idem:a'],
    ['requests', '{p*}:idemr:a'],
    ['marks', '{p*}:once:a'],
  ])('8.16 invalid data of another program in its %s stops no publish', async (_, pattern) => {
    const options = nodeOptions({ port: redis.port });
    const node = await openNode(options);
    const client = new Redis(redis.port, '127.0.0.1');
    onTestFinished(() => client.disconnect());
    await node.idempotencyKeys.claim(KEYED, 60_000);
    await node.broker.publishOnce(REF, { payload: '1' }, ONCE, KEEP);
    const keys = await client.keys(`${options.keyPrefix}0:${pattern}`);
    expect(keys).toHaveLength(1);
    await client.set(keys[0]!, 'invalid');
    expect(['first', 'repeated']).toContain((await node.idempotencyKeys.claim(KEYED, 60_000)).use);
    await node.idempotencyKeys.keepAnswer(KEYED, '{"x":1}');
    await node.broker.publishOnce(REF, { payload: '2' }, ONCE, KEEP);
    expect(await node.broker.publishOnce(REF, { payload: '3' }, ONCE, KEEP)).toBe(false);
  });
});

describe('processes', () => {
  let cluster: Cluster;
  beforeAll(async () => void (cluster = await Cluster.start({ nodes: 2 })));
  afterAll(() => cluster.close());

  const post = (node: TestNode, body: object, key: string): Promise<Answer> =>
    publisher(node.endpoint).post('/events', body, {}, { 'Idempotency-Key': key });
  const published = async (channel: string): Promise<string[]> => {
    const { json } = await publisher(cluster.node(1).endpoint).get(`/channels/${channel}/events`, [
      ['limit', '1000'],
    ]);
    return (json as { events: { data: string }[] }).events.map(({ data }) => data);
  };

  test('8.16 a request that both nodes get at the same time is published once', async () => {
    const body = { name: 'n', data: '1', channels: ['both', 'too'] };
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => post(cluster.node(at % 2), body, 'both')),
    );
    expect(answers.map(({ status, text }) => [status, text])).toEqual(answers.map(() => [200, '{}']));
    expect([await published('both'), await published('too')]).toEqual([['1'], ['1']]);
    expect((await post(cluster.node(1), { ...body, data: '2' }, 'both')).status).toBe(422);
  });

  test('8.16 each event is published once although the node is killed in the middle of many', async () => {
    const body = (at: number) => ({ name: 'n', data: `${at}`, channels: ['killed', `killed-${at % 7}`] });
    const unanswered: number[] = [];
    const all = Array.from({ length: 300 }, (_, at) => at);
    let killed: Promise<void> | undefined;
    await Promise.all(
      all.map(async (at) => {
        const status = await post(cluster.node(0), body(at), `k${at}`).then(
          (answer) => answer.status,
          () => 0,
        );
        if (status !== 200) unanswered.push(at);
        else killed ??= cluster.node(0).kill();
      }),
    );
    await killed;
    expect(unanswered.length).toBeGreaterThan(0);
    expect(unanswered.length).toBeLessThan(300);
    // All are made again, those that were answered too.
    for (const at of all) expect((await post(cluster.node(1), body(at), `k${at}`)).status).toBe(200);
    expect((await published('killed')).sort()).toEqual(all.map(String).sort());
    const others = await Promise.all([0, 1, 2, 3, 4, 5, 6].map((at) => published(`killed-${at}`)));
    expect(others.flat().sort()).toEqual(all.map(String).sort());
    await cluster.node(0).start();
    await cluster.node(0).ready();
  });

  test('8.16 while Redis is away the answer is 503, and afterwards the event is published once', async () => {
    const body = { name: 'n', data: '1', channel: 'away' };
    const [, node] = cluster.nodes;
    node!.proxy.setFault('stalled');
    expect((await post(node!, body, 'away')).status).toBe(503);
    node!.proxy.heal();
    await node!.ready();
    await expect.poll(async () => (await post(node!, body, 'away')).status).toBe(200);
    expect((await post(cluster.node(0), body, 'away')).status).toBe(200);
    expect(await published('away')).toEqual(['1']);
  });

  test('8.16 a Redis that restarts empty knows no keys: the event is published again', async () => {
    const body = { name: 'n', data: '1', channel: 'emptied' };
    expect((await post(cluster.node(0), body, 'emptied')).status).toBe(200);
    await cluster.redis.restart();
    await expect
      .poll(async () => (await post(cluster.node(0), body, 'emptied')).status, { timeout: 15_000 })
      .toBe(200);
    await cluster.ready();
    expect(await published('emptied')).toEqual(['1']);
  });
});
