/** A Redis that is full and removes keys to make room, as one does that is shared with a cache. */
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
const PATIENCE_MS = 40_000;
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

const words = (node: Node): string[] => node.logger.warnings.map(({ message }) => message);

const memory = async (name: string): Promise<number> =>
  Number(new RegExp(`${name}:(\\d+)`).exec(await client.info())?.[1]);

/** From now on there is room for so much more. */
async function limit(policy: string, bytes: number): Promise<void> {
  await client.config('SET', 'maxmemory-policy', policy);
  await client.config('SET', 'maxmemory', String((await memory('used_memory')) + bytes));
}

let fillers = 0;
/** Writes as a cache does until Redis has removed so many keys. */
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
    PATIENCE_MS,
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
    await eventually(() => words(node).length > 0, 'it is said');
    expect(words(node)[0]).toMatch(/evicts any key/);
    expect(node.isReady()).toBe(true);
  });
});

test('8.11 data that must stay has no expiry, so that no volatile-* policy can evict it', async () => {
  const node = await openNode(nodeOptions({ port: redis.port, apps: APPS }));
  const room = channelOf('presence-room');
  await node.membership.join(room, { subscriptions: 1, member: member('1'), socketId: '1.1' });
  await node.quota.admit('a', 10);
  await node.state.write('cutover', { percent: 5 });
  await node.replays.take('a', 'signature', 1000);
  await node.broker.publish(room, { payload: 'x' }, { size: 5, ttlSeconds: 60 });
  const expiring: string[] = [];
  for (const key of await client.keys('*')) if ((await client.pttl(key)) !== -1) expiring.push(key);
  // The history of a channel, its position, what is known of all histories of the app, and the mark of a publish that was
  // carried out.
  expect(expiring.map((key) => /\}:(\w+):/.exec(key)?.[1]).sort()).toEqual(['h', 'hb', 'hx', 'p', 'x']);
});

const ROOMS = Array.from({ length: 30 }, (_, at) => channelOf(`presence-${at}`));
const PLAIN = Array.from({ length: 30 }, (_, at) => channelOf(`plain-${at}`));

/** Two nodes with users on all rooms, one of them on both nodes. */
async function inhabited(): Promise<readonly [Node, Node]> {
  const where = nodeOptions({ port: redis.port, leaseMs: LEASE_MS, apps: APPS });
  const nodes = [await openNode(where), await openNode(where)] as const;
  for (const [at, node] of nodes.entries()) {
    for (const ref of ROOMS) {
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

/** How a node sees everything. */
async function seenBy(node: Node): Promise<unknown> {
  const rosters = await Promise.all(ROOMS.map((ref) => node.membership.members(ref)));
  const occupancies = await node.membership.channels('a', '');
  const one = await Promise.all([...ROOMS, ...PLAIN].map((ref) => node.membership.occupancy(ref)));
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

const WHOLE = {
  rosters: ['both,own-0,own-1'],
  listed: ROOMS.length + PLAIN.length,
  counts: ['{"subscriptions":4,"users":0,"nodes":2}', '{"subscriptions":4,"users":3,"nodes":2}'],
  connections: 6,
};

async function whole(nodes: readonly Node[]): Promise<void> {
  let last: unknown;
  await eventually(
    async () => {
      last = await Promise.all(nodes.map(seenBy)).catch(String);
      return JSON.stringify(last) === JSON.stringify(nodes.map(() => WHOLE));
    },
    () => `everything is as it was: ${JSON.stringify(last)}`,
    PATIENCE_MS,
  );
}

/** Removals of members that clients received. */
const removals = (node: Node): string[] =>
  ROOMS.flatMap(({ channel: name }) => node.payloads(name)).filter((text) => text.includes('member_removed'));

/** Of whom clients of this node were told last that he left. */
function toldGone(node: Node): string[] {
  const last = new Map<string, boolean>();
  for (const { ref, event } of node.deliveries)
    if (event.memberChange !== undefined)
      last.set(`${ref.channel} ${event.memberChange.id}`, event.memberChange.joined);
  return [...last].filter(([, came]) => !came).map(([who]) => who);
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
      const nodes = await inhabited();
      await whole(nodes);
      await limit('volatile-ttl', MEBIBYTE);
      const gone = (await Promise.all(ROOMS.slice(0, 20).map((ref) => keysOf(ref, pattern)))).flat();
      expect(gone.length).toBeGreaterThanOrEqual(20);
      await client.del(gone);
      await evict(1);
      await whole(nodes);
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
      const nodes = await inhabited();
      await whole(nodes);
      await limit('volatile-ttl', MEBIBYTE);
      await client.del((await client.keys('*')).filter((key) => pattern.test(key)));
      await evict(1);
      await whole(nodes);
      expect(nodes.flatMap(removals)).toEqual([]);
      // And everybody who leaves then is gone: nothing was counted twice.
      for (const node of nodes) {
        for (const ref of ROOMS)
          for (const id of ['own-0', 'own-1', 'both'])
            await node.membership.leave(ref, { subscriptions: 0, member: member(id) });
        for (const ref of PLAIN) await node.membership.leave(ref, { subscriptions: 0 });
      }
      await eventually(
        async () => (await nodes[0].membership.channels('a', '')).size === 0,
        'nothing is left',
        PATIENCE_MS,
      );
    },
    60_000,
  );

  test('4.4 removes a user who left while its data was incomplete', async () => {
    const nodes = await inhabited();
    const [room] = ROOMS;
    await limit('volatile-ttl', MEBIBYTE);
    await client.del(await keysOf(room!, /:m:[\w-]+$/));
    await nodes[0].membership.leave(room!, { subscriptions: 1, member: member('own-0') });
    await evict(1);
    for (const node of nodes)
      await eventually(
        async () => (await node.membership.members(room!)).every(({ id }) => id !== 'own-0'),
        'he is gone',
        PATIENCE_MS,
      );
    expect((await nodes[1].membership.occupancy(room!)).users).toBe(2);
  }, 60_000);

  test('4.4 cleans up a node that ended, though its lease was evicted', async () => {
    const nodes = await inhabited();
    const where = nodeOptions({ port: redis.port });
    expect(where.partitions).toBe(16);
    const keys = (await client.keys('*')).filter((key) => key.endsWith('presence-0:o'));
    expect(keys).toHaveLength(1);
    await client.hset(keys[0]!, 'ended-node', 7);
    await client.sadd(keys[0]!.replace(/:o$/, ':m:ended-node'), 'ghost');
    await limit('volatile-ttl', MEBIBYTE);
    await evict(1);
    await whole(nodes);
  }, 60_000);

  test.each(['allkeys-random', 'allkeys-lru'])(
    '4.4 under real evictions by %s rosters and counts recover, no present user stays removed, and it is logged',
    async (policy) => {
      const nodes = await inhabited();
      await whole(nodes);
      await limit(policy, MEBIBYTE);
      for (let round = 0; round < 5; round += 1) await evict(1000);
      await limit(policy, 64 * MEBIBYTE);
      await whole(nodes);
      await eventually(
        () => nodes.every((node) => toldGone(node).length === 0),
        'nobody was told gone for good',
      );
      for (const node of nodes) {
        expect(node.count('evicted_keys_total')).toBeGreaterThan(0);
        expect(node.isReady()).toBe(true);
        expect(node.warnings()).toEqual(['Redis evicts keys: it needs more memory']);
        const said = () => words(node).filter((what) => what.startsWith('Redis is full and has evicted'));
        await eventually(() => said().length > 0, 'it is said', PATIENCE_MS);
        expect(said()).toHaveLength(1);
      }
    },
    90_000,
  );
});

test('8.11 /up stays 200 while Redis evicts, and /ready warns of it', async () => {
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
    '/ready says it',
  );
  await eventually(async () => (await ask('/ready')).status === 200, 'it is ready', PATIENCE_MS);
  expect((await ask('/up')).json).toEqual({ health: 'OK' });
  expect(server.output()).toMatch(/any key.*noeviction/);
});

test('3.13 the scope of an app is the digest of its first credential', () => {
  const keys = new Keys('w:', 16, 3, firstScopes(APPS));
  expect(keys.channel(channelOf('x')).pubsubChannel).toMatch(/^w:3:\{p\d+\}:b:22:[\w-]{20}:a:x$/);
});
