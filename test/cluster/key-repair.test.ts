/** Each of our keys, spoilt in each way by another program, while nodes work, start and are cleaned up. */
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
const ROOM = channelOf('presence-cache-room');
const OTHER = channelOf('other');
const KEPT = { size: 100, ttlSeconds: 60, lastSeconds: 60, appBytes: 1_000_000 };
/** Time that settling, a lease and a few beats need on a busy machine. */
const HEALED_WITHIN_MS = 45_000;
const MINUTE_MS = 60_000;

interface Place {
  readonly keys: Keys;
  /** The id of a node that lives. */
  readonly node: string;
}

/** An ended node that is not cleaned up yet. */
const GHOST = 'ghost';

type Kind = 'hash' | 'set' | 'zset' | 'list' | 'string';

/** Every key that `keys.ts` names and that is not a channel of the bus, or one process's own for a moment. */
type Case = readonly [name: string, kind: Kind, key: (place: Place) => string];
const KEYS: readonly Case[] = [
  ['generation', 'hash', ({ keys }) => keys.generation(0)],
  ['nodes', 'zset', ({ keys }) => keys.nodes(0)],
  ['index of a node that lives', 'set', ({ keys, node }) => keys.index(0, node)],
  ['index of a node that ended', 'set', ({ keys }) => keys.index(0, GHOST)],
  ['occupied channels', 'set', ({ keys }) => keys.occupied(0, 'a')],
  ['connections', 'hash', ({ keys }) => keys.connections('a')],
  ['signatures', 'zset', ({ keys }) => keys.signatures('a')],
  ['shared state', 'string', ({ keys }) => keys.state('cutover')],
  ['scopes', 'hash', ({ keys }) => keys.scopes()],
  ['counts', 'hash', ({ keys }) => keys.channel(ROOM).counts],
  ['nodes per user', 'hash', ({ keys }) => keys.channel(ROOM).nodesPerUser],
  ['roster', 'hash', ({ keys }) => keys.channel(ROOM).members],
  ['version', 'string', ({ keys }) => keys.channel(ROOM).version],
  ['users of a node that lives', 'set', ({ keys, node }) => keys.channel(ROOM).usersOf(node)],
  ['users of a node that ended', 'set', ({ keys }) => keys.channel(ROOM).usersOf(GHOST)],
  ['history', 'list', ({ keys }) => keys.channel(ROOM).history],
  ['last event', 'string', ({ keys }) => keys.channel(ROOM).lastEvent],
  ['expiry of histories', 'zset', ({ keys }) => keys.channel(ROOM).retention.keys[0]],
  ['bytes of histories', 'hash', ({ keys }) => keys.channel(ROOM).retention.keys[1]],
  ['expiry of last events', 'zset', ({ keys }) => keys.channel(ROOM).retention.keys[2]],
  ['bytes of last events', 'hash', ({ keys }) => keys.channel(ROOM).retention.keys[3]],
  ['position', 'hash', ({ keys }) => keys.channel(ROOM).position],
];

const BINARY = Buffer.from([0xff, 0x00, 0xfe, 0x0a, 0x80]);
const HUGE = 'x'.repeat(1024 * 1024);

/** Values for a text, a field of a hash, a member of a set or a list. */
const TEXTS: readonly (readonly [name: string, value: string | Buffer])[] = [
  ['text', 'garbage'],
  ['nothing', ''],
  ['bytes', BINARY],
  ['a megabyte', HUGE],
  ['below zero', '-5'],
  ['a fraction', '1.5'],
  ['no number', 'NaN'],
  ['without end', '1e400'],
  ['too large a number', '9223372036854775807'],
  ['a hexadecimal number', '0x10'],
  ['separators', '::: \n\n'],
  ['other JSON', '{"percent":"all","number":9007199254740991}'],
];

type Spoil = (admin: Admin, key: string) => Promise<unknown>;

const another: Record<Kind, Spoil> = {
  string: async (admin, key) => [await admin.del(key), await admin.lpush(key, 'garbage')],
  hash: async (admin, key) => [await admin.del(key), await admin.set(key, 'garbage')],
  set: async (admin, key) => [await admin.del(key), await admin.hset(key, 'garbage', BINARY)],
  zset: async (admin, key) => [await admin.del(key), await admin.sadd(key, 'garbage')],
  list: async (admin, key) => [await admin.del(key), await admin.zadd(key, 1, 'garbage')],
};

const added: Record<Kind, (value: string | Buffer) => Spoil> = {
  string: (value) => (admin, key) => admin.set(key, value),
  /** In every field, and in fields of its own. */
  hash: (value) => async (admin, key) => {
    for (const field of await admin.hkeysBuffer(key)) await admin.hset(key, field, value);
    await admin.hset(key, 'stranger', value);
    await admin.hset(key, value, '7');
  },
  set: (value) => (admin, key) => admin.sadd(key, value),
  zset: (value) => async (admin, key) => {
    for (const [at, score] of ['-inf', '+inf', '1e300', '0'].entries())
      await admin.zadd(key, score, Buffer.concat([Buffer.from(value), Buffer.from(at === 0 ? '' : `${at}`)]));
  },
  list: (value) => (admin, key) => admin.rpush(key, value),
};

interface World {
  readonly name: string;
  readonly options: () => Partial<RedisOptions>;
  readonly admin: () => Admin;
  readonly texts: typeof TEXTS;
}

/** Leaves behind what a crashed node does: it was on the room with a user of its own. */
async function leaveGhost(admin: Admin, keys: Keys): Promise<void> {
  const room = keys.channel(ROOM);
  await admin.hset(keys.generation(0), `node:${GHOST}`, 1);
  await admin.sadd(keys.index(0, GHOST), room.channelKey);
  await admin.hset(room.counts, GHOST, 1);
  await admin.sadd(room.usersOf(GHOST), '9');
  await admin.hset(room.nodesPerUser, '9', 1);
  await admin.hset(room.members, '9', `${Date.now() * 100} ["9",null]`);
  await admin.zadd(keys.nodes(0), Date.now() - 1, GHOST);
}

/** Redis being away is an answer; anything else is a defect. */
const allowed = (error: unknown): undefined => {
  expect((error as Error).name).toMatch(/^(Unavailable|OutcomeUnknown)$/);
};

/** A busy machine may be too late with it. */
const taken = (task: () => Promise<unknown>): Promise<void> =>
  eventually(
    () =>
      task().then(
        () => true,
        () => false,
      ),
    'Redis takes it',
    15_000,
  );

const enter = async (node: Node, id: string): Promise<void> => {
  await node.broker.subscribe(ROOM);
  await node.membership.join(ROOM, { subscriptions: 1, member: member(id), socketId: `${id}.1` });
};

async function doAll(node: Node, n: number): Promise<void> {
  const tasks: (() => Promise<unknown>)[] = [
    () => node.membership.occupancy(ROOM),
    () => node.membership.channels('a', ''),
    () => node.membership.members(ROOM),
    () => node.quota.connections('a'),
    () => node.replays.take('a', `signature ${n}`, MINUTE_MS),
    () => node.state.read('cutover'),
    () => node.cachedEvents.last(ROOM),
    () => node.broker.publish(ROOM, { payload: `meanwhile ${n}` }, KEPT),
    () => node.control.terminate('a', `meanwhile ${n}`),
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
    () => 'away',
  );

async function isWhole(nodes: readonly Node[]): Promise<string> {
  const said: string[] = [];
  for (const node of nodes) {
    said.push(await idsOn(node, ROOM));
    const count = await node.membership.occupancy(ROOM).catch(() => undefined);
    said.push(`${count?.subscriptions} ${count?.users}`);
    const channels = await node.membership.channels('a', 'presence-').catch(() => new Map());
    said.push(String((channels.get(ROOM.channel) as { users?: number } | undefined)?.users));
    said.push(String(await node.quota.connections('a').catch(() => -1)));
  }
  return said.join(' ');
}

/** Resolves when all is well again; `isCounted`: and when somebody has counted it. */
async function live(world: World, [, kind, keyOf]: Case, spoil: Spoil, isCounted: boolean): Promise<void> {
  const where = nodeOptions({ ...world.options(), partitions: 1, leaseMs: 2000, apps: APPS });
  const keys = new Keys(where.keyPrefix, 1, 0, firstScopes(APPS));
  const admin = world.admin();
  const [a, b] = [await openNode(where), await openNode(where)];
  await enter(a, '1');
  const [node = ''] = await admin.hkeys(keys.channel(ROOM).counts);
  await enter(b, '2');
  expect(await a.quota.admit('a', 10)).toBe(true);
  await taken(() => a.broker.publish(ROOM, { payload: 'before' }, KEPT));
  await a.replays.take('a', 'before', MINUTE_MS);
  await a.state.write('cutover', { percent: 1 });
  await leaveGhost(admin, keys);
  const key = keyOf({ keys, node });
  await spoil(admin, key);

  for (const [n, each] of [a, b].entries()) await doAll(each, n);
  const c = await openNode(where);
  await enter(c, '3');
  for (const [n, each] of [c, a].entries()) await doAll(each, n + 10);

  const nodes = [a, b, c];
  const counted = (): number => nodes.reduce((sum, each) => sum + each.count('invalid_data_total'), 0);
  let said = '';
  const whole = nodes.map(() => '1,2,3 3 3 3 1').join(' ');
  await eventually(
    async () => {
      // What a publish looks at only now and then is mended then.
      await a.broker.publish(ROOM, { payload: 'meanwhile' }, KEPT).catch(allowed);
      return (
        (said = await isWhole(nodes)) === whole &&
        (said = await admin.type(key)).replace('none', kind) === kind &&
        (!isCounted || (said = `counted ${counted()}`) !== 'counted 0') &&
        (await admin.zscore(keys.nodes(0), GHOST)) === null
      );
    },
    () => `everybody is there, the ended node is not: ${said}`,
    HEALED_WITHIN_MS,
  );
  for (const each of nodes) await each.insist(ROOM, 'after');
  for (const each of nodes)
    await eventually(
      () => each.payloads(ROOM.channel).filter((text) => text === 'after').length >= 3,
      'events are heard',
    );
  const terminated: string[] = [];
  for (const each of nodes) each.control.onTerminate((_app, user) => terminated.push(user));
  await taken(() => a.control.terminate('a', 'u'));
  await eventually(() => terminated.length >= nodes.length, 'an order is heard');
  expect(await b.replays.take('a', 'after', MINUTE_MS)).toBe(true);
  expect(await c.replays.take('a', 'after', MINUTE_MS)).toBe(false);
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
let toSingle: Redis;
let toGroup: Cluster;
beforeAll(async () => {
  single = await startRedis();
  group = await startCluster();
  toSingle = new Redis(single.port);
  toGroup = new Cluster(group.addresses.map((each) => ({ ...each })));
}, 60_000);
afterAll(async () => {
  toSingle.disconnect();
  toGroup.disconnect();
  await single.close();
  await group.close();
});

const WORLDS: readonly World[] = [
  { name: 'one Redis', options: () => ({ port: single.port }), admin: () => toSingle, texts: TEXTS },
  {
    name: 'a Redis Cluster',
    options: () => ({ cluster: group.addresses }),
    admin: () => toGroup,
    texts: TEXTS.slice(2, 5),
  },
];

describe.each(WORLDS)('over $name', (world) => {
  test.each(KEYS)(
    '3.13 repairs, counts and logs once another type in a key, while everything works: %s',
    async (...each) => {
      await live(world, each, another[each[1]], true);
    },
    120_000,
  );

  test.each(KEYS)(
    '3.13 invalid data of the right type does no harm once it is repaired: %s',
    async (...each) => {
      const results = await Promise.allSettled(
        world.texts.map(([, value]) => live(world, each, added[each[1]](value), false)),
      );
      const failures = results.flatMap((result, at) =>
        result.status === 'rejected'
          ? [`${world.texts[at]?.[0]}: ${String(result.reason).slice(0, 600)}`]
          : [],
      );
      expect(failures).toEqual([]);
    },
    180_000,
  );
});
