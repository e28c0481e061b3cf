/** Every key of Wavehall with every kind of invalid data, while nodes run, start and are cleaned up. */
import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ChannelRef } from '../../src/core/ports/events.ts';
import type { RedisOptions } from '../../src/stores/redis/index.ts';
import { firstScopes } from '../../src/stores/redis/node/installation.ts';
import { Keys } from '../../src/stores/redis/keys.ts';
import { startCluster } from '../support/redis-groups.ts';
import { startRedis } from '../support/redis.ts';
import { eventually } from '../support/wire.ts';
import { channelOf, member, openNode, nodeOptions } from './redis-node.ts';

type Node = Awaited<ReturnType<typeof openNode>>;
type Admin = Redis | Cluster;

const APPS = [{ id: 'a', credentials: [{ key: 'k', secret: 's' }] }] as const;
const CHANNEL = channelOf('presence-cache-room');
const OTHER = channelOf('other');
const RETENTION = { size: 100, ttlSeconds: 60, lastSeconds: 60, appBytes: 1_000_000 };
/** Time limit of a repair: settling, a lease and a few renewals on a slow machine. */
const REPAIR_LIMIT_MS = 45_000;
const MINUTE_MS = 60_000;

interface Target {
  readonly keys: Keys;
  /** The id of a running node. */
  readonly node: string;
}

/** Id of a stopped node that is not cleaned up yet. */
const STOPPED_NODE = 'stopped-node';

type Kind = 'hash' | 'set' | 'zset' | 'list' | 'string';

/** Every key of `keys.ts`, except pub/sub channels and keys that one process uses for a moment. */
type Case = readonly [name: string, kind: Kind, key: (target: Target) => string];
const KEYS: readonly Case[] = [
  ['generation', 'hash', ({ keys }) => keys.generation(0)],
  ['nodes', 'zset', ({ keys }) => keys.nodes(0)],
  ['index of a running node', 'set', ({ keys, node }) => keys.index(0, node)],
  ['index of a stopped node', 'set', ({ keys }) => keys.index(0, STOPPED_NODE)],
  ['occupied channels', 'set', ({ keys }) => keys.occupied(0, 'a')],
  ['connections', 'hash', ({ keys }) => keys.connections('a')],
  ['signatures', 'zset', ({ keys }) => keys.signatures('a')],
  ['shared state', 'string', ({ keys }) => keys.state('cutover')],
  ['scopes', 'hash', ({ keys }) => keys.scopes()],
  ['counts', 'hash', ({ keys }) => keys.channel(CHANNEL).counts],
  ['nodes per user', 'hash', ({ keys }) => keys.channel(CHANNEL).nodesPerUser],
  ['roster', 'hash', ({ keys }) => keys.channel(CHANNEL).members],
  ['version', 'string', ({ keys }) => keys.channel(CHANNEL).version],
  ['users of a running node', 'set', ({ keys, node }) => keys.channel(CHANNEL).usersOf(node)],
  ['users of a stopped node', 'set', ({ keys }) => keys.channel(CHANNEL).usersOf(STOPPED_NODE)],
  ['history', 'list', ({ keys }) => keys.channel(CHANNEL).history],
  ['last event', 'string', ({ keys }) => keys.channel(CHANNEL).lastEvent],
  ['expiry of histories', 'zset', ({ keys }) => keys.channel(CHANNEL).retention.keys[0]],
  ['bytes of histories', 'hash', ({ keys }) => keys.channel(CHANNEL).retention.keys[1]],
  ['expiry of last events', 'zset', ({ keys }) => keys.channel(CHANNEL).retention.keys[2]],
  ['bytes of last events', 'hash', ({ keys }) => keys.channel(CHANNEL).retention.keys[3]],
  ['position', 'hash', ({ keys }) => keys.channel(CHANNEL).position],
];

const BINARY = Buffer.from([0xff, 0x00, 0xfe, 0x0a, 0x80]);
const HUGE = 'x'.repeat(1024 * 1024);

/** Invalid values for a string, a field of a hash, a member of a set or of a list. */
const TEXTS: readonly (readonly [name: string, value: string | Buffer])[] = [
  ['text', 'garbage'],
  ['empty text', ''],
  ['bytes', BINARY],
  ['a megabyte', HUGE],
  ['below zero', '-5'],
  ['a fraction', '1.5'],
  ['no number', 'NaN'],
  ['an infinite number', '1e400'],
  ['too large a number', '9223372036854775807'],
  ['a hexadecimal number', '0x10'],
  ['separators', '::: \n\n'],
  ['other JSON', '{"percent":"all","number":9007199254740991}'],
];

type Damage = (admin: Admin, key: string) => Promise<unknown>;

const replaced: Record<Kind, Damage> = {
  string: async (admin, key) => [await admin.del(key), await admin.lpush(key, 'garbage')],
  hash: async (admin, key) => [await admin.del(key), await admin.set(key, 'garbage')],
  set: async (admin, key) => [await admin.del(key), await admin.hset(key, 'garbage', BINARY)],
  zset: async (admin, key) => [await admin.del(key), await admin.sadd(key, 'garbage')],
  list: async (admin, key) => [await admin.del(key), await admin.zadd(key, 1, 'garbage')],
};

const added: Record<Kind, (value: string | Buffer) => Damage> = {
  string: (value) => (admin, key) => admin.set(key, value),
  /** Writes the value to every field, and adds two fields. */
  hash: (value) => async (admin, key) => {
    for (const field of await admin.hkeysBuffer(key)) await admin.hset(key, field, value);
    await admin.hset(key, 'unknown', value);
    await admin.hset(key, value, '7');
  },
  set: (value) => (admin, key) => admin.sadd(key, value),
  zset: (value) => async (admin, key) => {
    for (const [at, score] of ['-inf', '+inf', '1e300', '0'].entries())
      await admin.zadd(key, score, Buffer.concat([Buffer.from(value), Buffer.from(at === 0 ? '' : `${at}`)]));
  },
  list: (value) => (admin, key) => admin.rpush(key, value),
};

interface Topology {
  readonly name: string;
  readonly options: () => Partial<RedisOptions>;
  readonly admin: () => Admin;
  readonly texts: typeof TEXTS;
}

/** Writes the keys of a crashed node that had one user on the channel. */
async function writeStoppedNode(admin: Admin, keys: Keys): Promise<void> {
  const channelKeys = keys.channel(CHANNEL);
  await admin.hset(keys.generation(0), `node:${STOPPED_NODE}`, 1);
  await admin.sadd(keys.index(0, STOPPED_NODE), channelKeys.channelKey);
  await admin.hset(channelKeys.counts, STOPPED_NODE, 1);
  await admin.sadd(channelKeys.usersOf(STOPPED_NODE), '9');
  await admin.hset(channelKeys.nodesPerUser, '9', 1);
  await admin.hset(channelKeys.members, '9', `${Date.now() * 100} ["9",null]`);
  await admin.zadd(keys.nodes(0), Date.now() - 1, STOPPED_NODE);
}

/** Accepts only the errors of an unavailable Redis. */
const allowed = (error: unknown): undefined => {
  expect((error as Error).name).toMatch(/^(Unavailable|OutcomeUnknown)$/);
};

/** Repeats a task until Redis accepts it, since a slow machine may exceed a deadline. */
const untilAccepted = (task: () => Promise<unknown>): Promise<void> =>
  eventually(
    () =>
      task().then(
        () => true,
        () => false,
      ),
    'Redis accepts it',
    15_000,
  );

const join = async (node: Node, id: string): Promise<void> => {
  await node.broker.subscribe(CHANNEL);
  await node.membership.join(CHANNEL, { subscriptions: 1, member: member(id), socketId: `${id}.1` });
};

async function useAll(node: Node, n: number): Promise<void> {
  const tasks: (() => Promise<unknown>)[] = [
    () => node.membership.occupancy(CHANNEL),
    () => node.membership.channels('a', ''),
    () => node.membership.members(CHANNEL),
    () => node.quota.connections('a'),
    () => node.replayGuard.take('a', `signature ${n}`, MINUTE_MS),
    () => node.state.read('cutover'),
    () => node.cachedEvents.last(CHANNEL),
    () => node.broker.publish(CHANNEL, { payload: `meanwhile ${n}` }, RETENTION),
    () => node.nodeCommands.terminate('a', `meanwhile ${n}`),
    () => node.broker.subscribe(OTHER),
    () => node.membership.join(OTHER, { subscriptions: 1, member: undefined, socketId: '5.5' }),
    () => node.membership.leave(OTHER, { subscriptions: 0, member: undefined }),
    () => node.broker.unsubscribe(OTHER),
  ];
  for (const task of tasks) await task().catch(allowed);
}

const idsOn = async (node: Node, ref: ChannelRef): Promise<string> =>
  node.membership.members(ref).then(
    (members) =>
      members
        .map(({ id }) => id)
        .sort()
        .join(),
    () => 'unavailable',
  );

async function stateOf(nodes: readonly Node[]): Promise<string> {
  const state: string[] = [];
  for (const node of nodes) {
    state.push(await idsOn(node, CHANNEL));
    const count = await node.membership.occupancy(CHANNEL).catch(() => undefined);
    state.push(`${count?.subscriptions} ${count?.users}`);
    const channels = await node.membership.channels('a', 'presence-').catch(() => new Map());
    state.push(String((channels.get(CHANNEL.channel) as { users?: number } | undefined)?.users));
    state.push(String(await node.quota.connections('a').catch(() => -1)));
  }
  return state.join(' ');
}

/** Damages a key; resolves when the data is complete again and, with `isCounted`, when a node has counted the invalid data. */
async function damageAndExpectRepair(
  topology: Topology,
  [, kind, keyOf]: Case,
  damage: Damage,
  isCounted: boolean,
): Promise<void> {
  const options = nodeOptions({ ...topology.options(), partitions: 1, leaseMs: 2000, apps: APPS });
  const keys = new Keys(options.keyPrefix, 1, 0, firstScopes(APPS));
  const admin = topology.admin();
  const [a, b] = [await openNode(options), await openNode(options)];
  await join(a, '1');
  const [node = ''] = await admin.hkeys(keys.channel(CHANNEL).counts);
  await join(b, '2');
  expect(await a.quota.admit('a', 10)).toBe(true);
  await untilAccepted(() => a.broker.publish(CHANNEL, { payload: 'before' }, RETENTION));
  await a.replayGuard.take('a', 'before', MINUTE_MS);
  await a.state.write('cutover', { percent: 1 });
  await writeStoppedNode(admin, keys);
  const key = keyOf({ keys, node });
  await damage(admin, key);

  for (const [n, each] of [a, b].entries()) await useAll(each, n);
  const c = await openNode(options);
  await join(c, '3');
  for (const [n, each] of [c, a].entries()) await useAll(each, n + 10);

  const nodes = [a, b, c];
  const counted = (): number => nodes.reduce((sum, each) => sum + each.count('invalid_data_total'), 0);
  let state = '';
  const complete = nodes.map(() => '1,2,3 3 3 3 1').join(' ');
  await eventually(
    async () => {
      // Some keys are checked, and repaired, only by one publish of many.
      await a.broker.publish(CHANNEL, { payload: 'meanwhile' }, RETENTION).catch(allowed);
      return (
        (state = await stateOf(nodes)) === complete &&
        (state = await admin.type(key)).replace('none', kind) === kind &&
        (!isCounted || (state = `counted ${counted()}`) !== 'counted 0') &&
        (await admin.zscore(keys.nodes(0), STOPPED_NODE)) === null
      );
    },
    () => `all members are listed, the stopped node is removed: ${state}`,
    REPAIR_LIMIT_MS,
  );
  for (const each of nodes) await each.insist(CHANNEL, 'after');
  for (const each of nodes)
    await eventually(
      () => each.payloads(CHANNEL.channel).filter((text) => text === 'after').length >= 3,
      'events are received',
    );
  const terminated: string[] = [];
  for (const each of nodes) each.nodeCommands.onTerminate((_app, user) => terminated.push(user));
  await untilAccepted(() => a.nodeCommands.terminate('a', 'u'));
  await eventually(() => terminated.length >= nodes.length, 'a command is received');
  expect(await b.replayGuard.take('a', 'after', MINUTE_MS)).toBe(true);
  expect(await c.replayGuard.take('a', 'after', MINUTE_MS)).toBe(false);
  await b.state.write('cutover', { percent: 2 });
  expect(await c.state.read('cutover')).toEqual({ percent: 2 });
  for (const each of nodes) {
    expect(each.logger.errors).toEqual([]);
    const lines = each.logger.warnings.filter(({ message }) =>
      message.startsWith('Removed invalid data from a Redis key'),
    );
    expect(lines.length).toBeLessThanOrEqual(1);
  }
  await Promise.all(nodes.map((each) => each.close()));
}

let single: Awaited<ReturnType<typeof startRedis>>;
let group: Awaited<ReturnType<typeof startCluster>>;
let singleClient: Redis;
let clusterClient: Cluster;
beforeAll(async () => {
  single = await startRedis();
  group = await startCluster();
  singleClient = new Redis(single.port);
  clusterClient = new Cluster(group.addresses.map((each) => ({ ...each })));
}, 60_000);
afterAll(async () => {
  singleClient.disconnect();
  clusterClient.disconnect();
  await single.close();
  await group.close();
});

const TOPOLOGIES: readonly Topology[] = [
  { name: 'one Redis', options: () => ({ port: single.port }), admin: () => singleClient, texts: TEXTS },
  {
    name: 'a Redis Cluster',
    options: () => ({ cluster: group.addresses }),
    admin: () => clusterClient,
    texts: TEXTS.slice(2, 5),
  },
];

describe.each(TOPOLOGIES)('over $name', (topology) => {
  test.each(KEYS)(
    '3.13 repairs a key of another type, counts it and logs it once, while the nodes continue to work: %s',
    async (...each) => {
      await damageAndExpectRepair(topology, each, replaced[each[1]], true);
    },
    120_000,
  );

  test.each(KEYS)(
    '3.13 works again after invalid data of the right type is repaired: %s',
    async (...each) => {
      const results = await Promise.allSettled(
        topology.texts.map(([, value]) =>
          damageAndExpectRepair(topology, each, added[each[1]](value), false),
        ),
      );
      const failures = results.flatMap((result, at) =>
        result.status === 'rejected'
          ? [`${topology.texts[at]?.[0]}: ${String(result.reason).slice(0, 600)}`]
          : [],
      );
      expect(failures).toEqual([]);
    },
    180_000,
  );
});
