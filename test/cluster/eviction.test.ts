/** A full Redis that evicts keys, as a Redis does that is shared with a cache. */
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { Redis } from 'ioredis';
import { firstScopes } from '../../src/stores/redis/node/installation.ts';
import { Keys } from '../../src/stores/redis/keys.ts';
import type { ChannelRef } from '../../src/core/ports/events.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startServer } from '../support/server.ts';
import { http } from '../support/wire-http.ts';
import { eventually } from '../support/wire.ts';
import { channelOf, member, openNode, nodeOptions } from './redis-node.ts';

const MEBIBYTE = 1024 * 1024;
const LEASE_MS = 1000;
const LIMIT_MS = 40_000;
const POLICIES = [
  ...['allkeys-lru', 'allkeys-lfu', 'allkeys-random'],
  ...['volatile-lru', 'volatile-lfu', 'volatile-random', 'volatile-ttl'],
];
const APPS = [{ id: 'a', credentials: [{ key: 'k', secret: 's' }] }] as const;

let redis: TestRedis;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.port);
});
beforeEach(async () => {
  await client.config('SET', 'maxmemory', '0');
  await client.flushall();
});
afterAll(async () => {
  client.disconnect();
  await redis.close();
});

type Node = Awaited<ReturnType<typeof openNode>>;

const warningsOf = (node: Node): string[] => node.logger.warnings.map(({ message }) => message);

const memory = async (name: string): Promise<number> =>
  Number(new RegExp(`${name}:(\\d+)`).exec(await client.info())?.[1]);

/** Sets maxmemory to what is used now, and so many bytes more. */
async function limit(policy: string, bytes: number): Promise<void> {
  await client.config('SET', 'maxmemory-policy', policy);
  await client.config('SET', 'maxmemory', String((await memory('used_memory')) + bytes));
}

let fillers = 0;
/** Writes cache entries until Redis has evicted so many keys. */
async function evict(keys: number): Promise<void> {
  const before = await memory('evicted_keys');
  await eventually(
    async () => {
      const batch = client.pipeline();
      for (let at = 0; at < 200; at += 1) batch.set(`cache:${(fillers += 1)}`, 'x'.repeat(2000), 'EX', 3600);
      await batch.exec();
      return (await memory('evicted_keys')) - before >= keys;
    },
    `${keys} keys are evicted`,
    LIMIT_MS,
  );
}

describe('the server starts', () => {
  test.each(POLICIES)(
    '8.11 with maxmemory-policy %s, and logs once what could be lost and what to set',
    async (policy) => {
      await client.config('SET', 'maxmemory-policy', policy);
      const node = await openNode(nodeOptions({ port: redis.port }));
      expect(node.isReady()).toBe(true);
      const kind = policy.startsWith('volatile') ? 'keys that expire' : 'any key';
      expect(node.logger.warnings).toMatchObject([
        {
          message: expect.stringMatching(new RegExp(`evicts ${kind}.*maxmemory-policy noeviction`)) as string,
          details: { policy },
        },
      ]);
    },
  );

  test('8.11 logs once that the eviction policy changed, and continues to serve', async () => {
    await client.config('SET', 'maxmemory-policy', 'noeviction');
    const node = await openNode(nodeOptions({ port: redis.port, leaseMs: LEASE_MS }));
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await eventually(() => warningsOf(node).length > 0, 'it is logged');
    expect(warningsOf(node)[0]).toMatch(/evicts any key/);
    expect(node.isReady()).toBe(true);
  });
});

test('8.11 data that must not be lost has no expiry, so that no volatile-* policy can evict it', async () => {
  const node = await openNode(nodeOptions({ port: redis.port, apps: APPS }));
  const channel = channelOf('presence-room');
  await node.membership.join(channel, { subscriptions: 1, member: member('1'), socketId: '1.1' });
  await node.quota.admit('a', 10);
  await node.state.write('cutover', { percent: 5 });
  await node.replayGuard.take('a', 'signature', 1000);
  await node.broker.publish(channel, { payload: 'x' }, { size: 5, ttlSeconds: 60 });
  const expiring: string[] = [];
  for (const key of await client.keys('*')) if ((await client.pttl(key)) !== -1) expiring.push(key);
  // The history of a channel, its position, the two indexes of all histories of the app, and the id of a completed publish.
  expect(expiring.map((key) => /\}:(\w+):/.exec(key)?.[1]).sort()).toEqual(['h', 'hb', 'hx', 'p', 'x']);
});

const PRESENCE = Array.from({ length: 30 }, (_, at) => channelOf(`presence-${at}`));
const PLAIN = Array.from({ length: 30 }, (_, at) => channelOf(`plain-${at}`));

/** Opens two nodes with users on all presence channels; one user is on both nodes. */
async function openOccupiedNodes(): Promise<readonly [Node, Node]> {
  const where = nodeOptions({ port: redis.port, leaseMs: LEASE_MS, apps: APPS });
  const nodes = [await openNode(where), await openNode(where)] as const;
  for (const [at, node] of nodes.entries()) {
    for (const ref of PRESENCE) {
      await node.broker.subscribe(ref);
      for (const [count, id] of [`own-${at}`, 'both'].entries())
        await node.membership.join(ref, {
          subscriptions: count + 1,
          member: member(id),
          socketId: `${at}.${count + 1}`,
        });
    }
    for (const ref of PLAIN) await node.membership.join(ref, { subscriptions: 2, socketId: '1.1' });
    for (let socket = 0; socket < 3; socket += 1) await node.quota.admit('a', 0);
  }
  return nodes;
}

/** Returns rosters, counts and connections as a node reads them. */
async function stateOf(node: Node): Promise<unknown> {
  const rosters = await Promise.all(PRESENCE.map((ref) => node.membership.members(ref)));
  const occupancies = await node.membership.channels('a', '');
  const one = await Promise.all([...PRESENCE, ...PLAIN].map((ref) => node.membership.occupancy(ref)));
  return {
    rosters: [
      ...new Set(
        rosters.map((members) =>
          members
            .map(({ id }) => id)
            .sort()
            .join(),
        ),
      ),
    ],
    listed: occupancies.size,
    counts: [...new Set([...one, ...occupancies.values()].map((each) => JSON.stringify(each)))].sort(),
    connections: await node.quota.connections('a'),
  };
}

const COMPLETE = {
  rosters: ['both,own-0,own-1'],
  listed: PRESENCE.length + PLAIN.length,
  counts: ['{"subscriptions":4,"users":0,"nodes":2}', '{"subscriptions":4,"users":3,"nodes":2}'],
  connections: 6,
};

async function expectComplete(nodes: readonly Node[]): Promise<void> {
  let last: unknown;
  await eventually(
    async () => {
      last = await Promise.all(nodes.map(stateOf)).catch(String);
      return JSON.stringify(last) === JSON.stringify(nodes.map(() => COMPLETE));
    },
    () => `all data is complete: ${JSON.stringify(last)}`,
    LIMIT_MS,
  );
}

/** Returns the member_removed events that a node has delivered. */
const removals = (node: Node): string[] =>
  PRESENCE.flatMap(({ channel: name }) => node.payloads(name)).filter((text) =>
    text.includes('member_removed'),
  );

/** Returns members whose last delivered event is member_removed. */
function lastRemoved(node: Node): string[] {
  const last = new Map<string, boolean>();
  for (const { ref, event } of node.deliveries)
    if (event.memberChange !== undefined)
      last.set(`${ref.channel} ${event.memberChange.id}`, event.memberChange.joined);
  return [...last].filter(([, joined]) => !joined).map(([id]) => id);
}

describe('after evictions, the nodes write their data again', () => {
  const keysOf = (ref: ChannelRef, wanted: RegExp): Promise<string[]> =>
    client.keys('*').then((all) => all.filter((key) => wanted.test(key) && key.includes(ref.channel)));

  test.each([
    ['counts', /:o$/],
    ["a node's users", /:m:[\w-]+$/],
    ['nodes per user', /:r$/],
    ['members', /:u$/],
    ['versions', /:v$/],
    ['all of a channel', /:c:/],
  ])(
    '4.4 when the %s of channels are missing',
    async (_what, pattern) => {
      const nodes = await openOccupiedNodes();
      await expectComplete(nodes);
      await limit('volatile-ttl', MEBIBYTE);
      const evicted = (await Promise.all(PRESENCE.slice(0, 20).map((ref) => keysOf(ref, pattern)))).flat();
      expect(evicted.length).toBeGreaterThanOrEqual(20);
      await client.del(evicted);
      await evict(1);
      await expectComplete(nodes);
      await eventually(
        () => nodes.some((node) => node.count('repaired_channels_total') > 0),
        'it is counted',
      );
      expect(nodes.flatMap(removals)).toEqual([]);
    },
    60_000,
  );

  test.each([
    ['indexes of the nodes', /:n:/],
    ['sets of occupied channels', /:occ:/],
    ['leases', /:nodes$/],
    ['counts of connections', /:conn:/],
    ['generations', /:g$/],
    ['scopes of the apps', /:scopes$/],
    ['everything', /./],
  ])(
    '4.4 when the %s are missing',
    async (_what, pattern) => {
      const nodes = await openOccupiedNodes();
      await expectComplete(nodes);
      await limit('volatile-ttl', MEBIBYTE);
      await client.del((await client.keys('*')).filter((key) => pattern.test(key)));
      await evict(1);
      await expectComplete(nodes);
      expect(nodes.flatMap(removals)).toEqual([]);
      // Nothing was counted twice: after all have left, no channel is occupied.
      for (const node of nodes) {
        for (const ref of PRESENCE)
          for (const id of ['own-0', 'own-1', 'both'])
            await node.membership.leave(ref, { subscriptions: 0, member: member(id) });
        for (const ref of PLAIN) await node.membership.leave(ref, { subscriptions: 0 });
      }
      await eventually(
        async () => (await nodes[0].membership.channels('a', '')).size === 0,
        'nothing is left',
        LIMIT_MS,
      );
    },
    60_000,
  );

  test('4.4 removes a user who left while its data was incomplete', async () => {
    const nodes = await openOccupiedNodes();
    const [channel] = PRESENCE;
    await limit('volatile-ttl', MEBIBYTE);
    await client.del(await keysOf(channel!, /:m:[\w-]+$/));
    await nodes[0].membership.leave(channel!, { subscriptions: 1, member: member('own-0') });
    await evict(1);
    for (const node of nodes)
      await eventually(
        async () => (await node.membership.members(channel!)).every(({ id }) => id !== 'own-0'),
        'the user is removed',
        LIMIT_MS,
      );
    expect((await nodes[1].membership.occupancy(channel!)).users).toBe(2);
  }, 60_000);

  test('4.4 cleans up a stopped node whose lease was evicted', async () => {
    const nodes = await openOccupiedNodes();
    const where = nodeOptions({ port: redis.port });
    expect(where.partitions).toBe(16);
    const keys = (await client.keys('*')).filter((key) => key.endsWith('presence-0:o'));
    expect(keys).toHaveLength(1);
    await client.hset(keys[0]!, 'ended-node', 7);
    await client.sadd(keys[0]!.replace(/:o$/, ':m:ended-node'), '9');
    await limit('volatile-ttl', MEBIBYTE);
    await evict(1);
    await expectComplete(nodes);
  }, 60_000);

  test.each(['allkeys-random', 'allkeys-lru'])(
    '4.4 after evictions by %s rosters and counts are complete again, no present user stays removed, and it is logged',
    async (policy) => {
      const nodes = await openOccupiedNodes();
      await expectComplete(nodes);
      await limit(policy, MEBIBYTE);
      for (let round = 0; round < 5; round += 1) await evict(1000);
      await limit(policy, 64 * MEBIBYTE);
      await expectComplete(nodes);
      await eventually(() => nodes.every((node) => lastRemoved(node).length === 0), 'no user stays removed');
      for (const node of nodes) {
        expect(node.count('evicted_keys_total')).toBeGreaterThan(0);
        expect(node.isReady()).toBe(true);
        expect(node.warnings()).toEqual(['Redis evicts keys: it needs more memory']);
        const evictionLines = () =>
          warningsOf(node).filter((what) => what.startsWith('Redis is full and has evicted'));
        await eventually(() => evictionLines().length > 0, 'it is logged', LIMIT_MS);
        expect(evictionLines()).toHaveLength(1);
      }
    },
    90_000,
  );
});

test('8.11 /up answers 200 while Redis evicts keys, and /ready has a warning', async () => {
  await limit('allkeys-lru', 2 * MEBIBYTE);
  const server = await startServer({
    REVERB_SCALING_ENABLED: 'true',
    REDIS_PORT: `${redis.port}`,
    WAVEHALL_LEASE_SECONDS: '1',
  });
  onTestFinished(() => server.close());
  const ask = (path: string) => http(server, { method: 'GET', path });
  expect((await ask('/ready')).json).toEqual({ ready: true });
  await evict(500);
  await eventually(
    async () => JSON.stringify((await ask('/ready')).json).includes('Redis evicts keys'),
    '/ready has the warning',
  );
  await eventually(async () => (await ask('/ready')).status === 200, 'it is ready', LIMIT_MS);
  expect((await ask('/up')).json).toEqual({ health: 'OK' });
  expect(server.output()).toMatch(/any key.*noeviction/);
});

test('3.13 the scope of an app is the digest of its first credential', () => {
  const keys = new Keys('w:', 16, 3, firstScopes(APPS));
  expect(keys.channel(channelOf('x')).pubsubChannel).toMatch(/^w:3:\{p\d+\}:b:22:[\w-]{20}:a:x$/);
});
