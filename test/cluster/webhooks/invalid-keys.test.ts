/** Every key of the outbox with every kind of invalid data, while nodes run and are cleaned up. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { firstScopes } from '../../../src/stores/redis/node/installation.ts';
import type { OutboxEntry } from '../../../src/core/ports/webhooks.ts';
import { Keys } from '../../../src/stores/redis/keys.ts';
import { brief, outboxOf, takeAll, wishesOf } from '../../contracts/outbox.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { eventually } from '../../support/wire.ts';
import { channelOf, member, nodeOptions, openNode } from '../redis-node.ts';

const APPS = [{ id: 'a', credentials: [{ key: 'k', secret: 's' }] }] as const;
const ROOM = channelOf('presence-room');
const STOPPED_NODE = 'stopped-node';
const LIMIT_MS = 20_000;
const MINUTE_MS = 60_000;
const missed = (channel: string) => ({ type: 'cache_miss', ref: channelOf(channel), fields: {} }) as const;

let redis: TestRedis;
let admin: Redis;
beforeAll(async () => {
  redis = await startRedis();
  admin = new Redis(redis.port);
});
afterAll(async () => {
  admin.disconnect();
  await redis.close();
});

type Node = Awaited<ReturnType<typeof openNode>>;
type Damage = (key: string) => Promise<unknown>;

const replaceType: Damage = async (key) => {
  const type = await admin.type(key);
  await admin.del(key);
  await (type === 'string' ? admin.lpush(key, 'garbage') : admin.set(key, 'garbage'));
};
const entryAt =
  (id: string): Damage =>
  (key) =>
    admin.xadd(key, id, 'garbage', '5');
const everyField =
  (value: string): Damage =>
  async (key) => {
    for (const field of [...(await admin.hkeys(key)), 'dropped', 'unknown'])
      await admin.hset(key, field, value);
  };
const members: Damage = (key) =>
  admin.zadd(key, '-inf', '::: \n\n', 0, 'garbage', 1, '1:a:c\n9', '+inf', '7');

const KEYS = {
  stream: (keys: Keys) => keys.outbox(0).stream,
  waiting: (keys: Keys) => keys.outbox(0).waiting,
  attempts: (keys: Keys) => keys.outbox(0).attempts,
  owner: (keys: Keys) => keys.outbox(0).owner,
  candidates: (keys: Keys) => keys.outbox(0).candidates,
  'dead letters': (keys: Keys) => keys.outbox(0).dead,
  registry: (keys: Keys) => keys.outbox(0).registry,
  once: (keys: Keys) => keys.onceOnly(0, 'cache_miss', keys.channel(channelOf('again')).channelKey),
};
type KeyName = keyof typeof KEYS;

const REGISTRY_ENTRIES = ['garbage', '5', '{"apps":5}', '{"apps":{"a":{}},"most":{},"smoothingMs":"x"}'];
const CASES: readonly (readonly [KeyName, string, Damage])[] = [
  ...Object.keys(KEYS).map((name) => [name as KeyName, 'another type', replaceType] as const),
  ['stream', 'an unknown entry', entryAt('*')],
  ['stream', 'the last possible id', entryAt('18446744073709551615-18446744073709551615')],
  ['stream', 'an id of the year 5000', entryAt('95617584000000-0')],
  ['dead letters', 'an unknown entry', entryAt('*')],
  ['dead letters', 'the last possible id', entryAt('18446744073709551615-18446744073709551615')],
  ['waiting', 'unknown members', members],
  ['attempts', 'no numbers', everyField('garbage')],
  ['attempts', 'below zero', everyField('-5')],
  ...REGISTRY_ENTRIES.map((entry) => ['registry', entry, everyField(entry)] as const),
  ['once', 'no time to live', async (key) => admin.set(key, 'garbage')],
  ['owner', 'no time to live', async (key) => admin.set(key, 'garbage')],
  ['candidates', 'a time in the future', async (key) => admin.zadd(key, 9e15, 'a', 9e15, 'b')],
];

/** Writes the keys of a crashed node that had one user on the channel. */
async function writeStoppedNode(keys: Keys): Promise<void> {
  const channelKeys = keys.channel(ROOM);
  await admin.hset(keys.generation(0), `node:${STOPPED_NODE}`, 1);
  await admin.sadd(keys.index(0, STOPPED_NODE), channelKeys.channelKey);
  await admin.hset(channelKeys.counts, STOPPED_NODE, 1);
  await admin.sadd(channelKeys.usersOf(STOPPED_NODE), '9');
  await admin.hset(channelKeys.nodesPerUser, '9', 1);
  await admin.hset(channelKeys.members, '9', `${Date.now() * 100} ["9",null]`);
}

/** Accepts only the errors of an unavailable Redis. */
const allowed = (error: unknown): undefined => {
  expect((error as Error).name).toMatch(/^(Unavailable|OutcomeUnknown)$/);
};

/**
 * Gives each key a value that this node wrote: entries that failed once, one that died, one that is not repeated. Resolves with one
 * that is not finished.
 */
async function fill({ outbox, membership }: Node): Promise<OutboxEntry> {
  await membership.join(ROOM, { subscriptions: 1, member: member('1'), socketId: '1.1' });
  await outbox!.addOnce(missed('again'), MINUTE_MS);
  const entries = await takeAll(outbox!, 'one', 3);
  const [first, ...others] = entries;
  await outbox!.bury('one', first!, 'HTTP 410');
  for (const { id } of others) await outbox!.failed('one', id, 1);
  await membership.join(channelOf('left'), { subscriptions: 1, member: undefined, socketId: '1.2' });
  await membership.leave(channelOf('left'), { subscriptions: 0, member: undefined });
  return others[0]!;
}

/** Uses the outbox at once, before a poll repairs a key: none of this may be lost. Resolves with what is told then. */
async function useBeforePoll({ outbox }: Node, held: OutboxEntry, told: Set<string>): Promise<string[]> {
  const taken = (await outbox!.take('one', 100).catch(allowed)) ?? [];
  for (const entry of taken) told.add(brief(entry));
  await untilAccepted(() => outbox!.bury('one', held, 'HTTP 500'));
  await outbox!.addOnce(missed('once'), MINUTE_MS);
  return [brief(held), 'cache_miss before', 'cache_miss once'];
}

const untilAccepted = (task: () => Promise<unknown>): Promise<void> =>
  eventually(
    () =>
      task().then(
        () => true,
        () => false,
      ),
    'Redis accepts it',
    LIMIT_MS,
  );

async function useAll({ outbox }: Node): Promise<void> {
  const entry = { ...missed('none'), id: '0-1-1', timeMs: 1, queuedAtMs: 1, attempts: 0 };
  const ids = async () => (await outbox!.deadLetters(10)).map(({ id }) => id);
  const tasks: (() => Promise<unknown>)[] = [
    () => outbox!.waiting('one'),
    () => outbox!.failed('one', entry.id, 2),
    () => outbox!.bury('one', entry, 'HTTP 410'),
    () => outbox!.done('one', [entry.id]),
    async () => outbox!.replay(await ids()),
  ];
  for (const task of tasks) await task().catch(allowed);
}

/** Takes from all nodes until these have come, now or before. */
async function untilTold(
  nodes: readonly Node[],
  told: Set<string>,
  expected: readonly string[],
): Promise<void> {
  const isTold = async (): Promise<boolean> => {
    for (const { outbox } of nodes) {
      const entries = (await outbox!.take('one', 100).catch(allowed)) ?? [];
      const ids = entries.map(({ id }) => id);
      await outbox!.done('one', ids).catch(allowed);
      for (const entry of entries) told.add(brief(entry));
    }
    return expected.every((each) => told.has(each));
  };
  await eventually(isTold, () => `told: ${[...told].join()}`, LIMIT_MS);
}

test.each(CASES)(
  '3.13 the outbox goes on with invalid data in a key: %s, %s',
  async (name, what, damage) => {
    const options = nodeOptions({
      ...{ port: redis.port, partitions: 1, leaseMs: 2000, apps: APPS, webhookOwnerMs: 1000 },
      webhooks: wishesOf({ maxWaiting: 1000 }),
    });
    const keys = new Keys(options.keyPrefix, 1, 0, firstScopes(APPS));
    const nodes = [await openNode(options), await openNode(options)];
    const [a, b] = nodes as [Node, Node];
    const held = await fill(a);
    await writeStoppedNode(keys);
    await a.outbox!.add(missed('before'));
    await damage(KEYS[name](keys));
    const told = new Set<string>();
    const kept = await useBeforePoll(a, held, told);
    for (const node of [b, a]) await useAll(node);
    await outboxOf(b).add(missed('new'));
    if (name === 'once') await outboxOf(b).addOnce(missed('again'), MINUTE_MS);
    await untilTold(nodes, told, ['cache_miss new', ...(name === 'once' ? ['cache_miss again'] : [])]);
    // With a stream its events are lost.
    if (name !== 'stream') await untilTold(nodes, told, kept);
    const isCounted = what === 'another type' && name !== 'once';
    const counted = () => a.count('invalid_data_total') + b.count('invalid_data_total');
    await eventually(() => !isCounted || counted() > 0, 'the repair is counted', LIMIT_MS);
    await admin.zadd(keys.nodes(0), Date.now() - 1, STOPPED_NODE);
    await a.membership.join(channelOf('later'), { subscriptions: 1, member: undefined, socketId: '1.3' });
    await untilTold(nodes, told, ['channel_occupied later', 'member_removed presence-room 9']);
    expect([...a.logger.errors, ...b.logger.errors]).toEqual([]);
  },
  MINUTE_MS,
);
