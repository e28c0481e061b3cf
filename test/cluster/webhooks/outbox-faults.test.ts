/** The outbox while Redis is away, after it lost its data, and while nodes come, end and fail. */
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Unavailable } from '../../../src/core/ports/failures.ts';
import type { WebhookRecord } from '../../../src/core/ports/webhooks.ts';
import type { WebhookWishes } from '../../../src/core/ports/webhook-wishes.ts';
import { MOST_UNWRITTEN } from '../../../src/stores/redis/outbox/event-writer.ts';
import { outboxOf, takeAll, wishesOf } from '../../contracts/outbox.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { eventually } from '../../support/wire.ts';
import { channelOf, member, nodeOptions, openNode } from '../redis-node.ts';
import { receive, receiveUntil } from './receive.ts';

const PARTITIONS = 4;
const OWNER_MS = 1000;
const LIMIT_MS = 20_000;
const ROOM = channelOf('presence-room');

let redis: TestRedis;
let prefix = 0;
beforeEach(async () => void (redis = await startRedis()));
afterEach(() => redis.close());

type Node = Awaited<ReturnType<typeof openNode>>;

const options = (wishes: Partial<WebhookWishes> = {}, port = redis.port) =>
  nodeOptions({
    ...{ port, partitions: PARTITIONS, keyPrefix: `outbox${prefix}:`, webhookOwnerMs: OWNER_MS },
    webhooks: wishesOf({ maxWaiting: 50_000, ...wishes }),
  });

const missed = (channel: string): WebhookRecord => ({
  type: 'cache_miss',
  ref: channelOf(channel),
  fields: {},
});

/** Adds events until each node gets some; resolves with the nodes' numbers of events. */
async function untilAllReceive(nodes: readonly Node[]): Promise<void> {
  const counts = nodes.map(() => 0);
  let added = 0;
  const isShared = async (): Promise<boolean> => {
    for (let at = 0; at < 2 * PARTITIONS; at += 1) await outboxOf(nodes[0]!).add(missed(`c${added++}`));
    for (const [at, node] of nodes.entries()) counts[at]! += (await receive(node)).length;
    return !counts.includes(0);
  };
  await eventually(isShared, () => `each node gets some: ${counts.join()}`, LIMIT_MS);
}

test('9.6 a node that joins gets a share, and one that ends frees its own at once', async () => {
  prefix += 1;
  const [a, b] = [await openNode(options()), await openNode(options())];
  await untilAllReceive([a, b]);
  await b.close();
  const names = Array.from({ length: 40 }, (_, at) => `after${at}`);
  for (const name of names) await outboxOf(a).add(missed(name));
  const got = new Set<string>();
  await eventually(
    async () => {
      for (const each of await receive(a)) got.add(each);
      return names.every((name) => got.has(`cache_miss ${name}`));
    },
    'the one that is left gets all',
    LIMIT_MS,
  );
});

test(
  '9.6 what a node took before it failed, another one takes, with the attempts',
  { timeout: 60_000 },
  async () => {
    prefix += 1;
    const proxy = await FaultProxy.open(redis.port);
    const a = await openNode(options({}, proxy.port));
    await outboxOf(a).add(missed('c'));
    const [entry] = await takeAll(outboxOf(a), 'one', 1);
    await outboxOf(a).failed('one', entry!.id, 3);
    const b = await openNode(options());
    expect(await outboxOf(b).take('one', 10)).toEqual([]);
    proxy.setFault('blackholed');
    const [taken] = await takeAll(outboxOf(b), 'one', 1);
    expect(taken).toEqual({ ...entry, attempts: 3 });
    proxy.heal();
    await proxy.close();
  },
);

test(
  '9.6 while Redis is away nothing is taken, and what is added waits for it',
  { timeout: 60_000 },
  async () => {
    prefix += 1;
    const node = await openNode(options());
    await outboxOf(node).add(missed('before'));
    await takeAll(outboxOf(node), 'one', 1);
    await redis.kill();
    await eventually(() => !node.isReady(), 'the node knows', LIMIT_MS);
    await expect(outboxOf(node).take('one', 10)).rejects.toThrow(Unavailable);
    await outboxOf(node).add(missed('meanwhile'));
    await redis.restart();
    const got: string[] = [];
    await eventually(
      async () => {
        got.push(...(await receive(node)));
        return got.includes('cache_miss meanwhile');
      },
      'it comes',
      LIMIT_MS,
    );
  },
);

test(
  '9.9 of events that wait for Redis the oldest are dropped, beyond a number',
  { timeout: 60_000 },
  async () => {
    prefix += 1;
    const node = await openNode(options());
    await redis.kill();
    await eventually(() => !node.isReady(), 'the node knows', LIMIT_MS);
    for (let at = 0; at < MOST_UNWRITTEN; at += 1) void outboxOf(node).add(missed(`c${at}`));
    await outboxOf(node).add(missed('c'));
    await eventually(
      () => outboxOf(node).dropped === 1,
      () => `dropped ${outboxOf(node).dropped}`,
      LIMIT_MS,
    );
    await redis.restart();
  },
);

test(
  '9.4 when Redis loses its data nothing is told again, and what ends meanwhile is told',
  { timeout: 60_000 },
  async () => {
    prefix += 1;
    const node = await openNode(options());
    const got: string[] = [];
    const until = (count: number) => receiveUntil([node], got, count);
    for (const [at, id] of ['7', '8'].entries())
      await node.membership.join(ROOM, { subscriptions: at + 1, member: member(id), socketId: `1.${at}` });
    await until(3);
    const client = new Redis(redis.port);
    await client.flushall();
    client.disconnect();
    await node.membership.leave(ROOM, { subscriptions: 1, member: member('8') });
    await node.membership.join(ROOM, { subscriptions: 2, member: member('9'), socketId: '1.3' });
    await until(5);
    await node.membership.leave(ROOM, { subscriptions: 1, member: member('9') });
    await node.membership.leave(ROOM, { subscriptions: 0, member: member('7') });
    await until(8);
    expect(got.slice(0, 3)).toEqual([
      'channel_occupied presence-room',
      'member_added presence-room 7',
      'member_added presence-room 8',
    ]);
    expect(got.slice(3, 5).sort()).toEqual([
      'member_added presence-room 9',
      'member_removed presence-room 8',
    ]);
    expect(got.slice(5).sort()).toEqual([
      'channel_vacated presence-room',
      'member_removed presence-room 7',
      'member_removed presence-room 9',
    ]);
  },
);

test(
  '9.4 when Redis restarts empty, what ended meanwhile is told once, and nothing else',
  { timeout: 60_000 },
  async () => {
    prefix += 1;
    const [a, b] = [await openNode(options()), await openNode(options())];
    const got: string[] = [];
    const until = (count: number) => receiveUntil([a, b], got, count, 2 * LIMIT_MS);
    const lobby = channelOf('presence-lobby');
    await a.membership.join(ROOM, { subscriptions: 1, member: member('7'), socketId: '1.1' });
    await b.membership.join(ROOM, { subscriptions: 1, member: member('8'), socketId: '1.2' });
    await b.membership.join(lobby, { subscriptions: 1, member: member('8'), socketId: '1.2' });
    await until(5);
    await redis.kill();
    await eventually(() => !a.isReady() && !b.isReady(), 'the nodes know', LIMIT_MS);
    await b.membership.leave(ROOM, { subscriptions: 0, member: member('8') }).catch(() => undefined);
    await b.membership.leave(lobby, { subscriptions: 0, member: member('8') }).catch(() => undefined);
    await redis.restart();
    await until(8);
    // Comes after all that the nodes would still tell of the time before.
    await a.membership.leave(ROOM, { subscriptions: 0, member: member('7') });
    await until(10);
    expect(got.slice(5, 8).toSorted()).toEqual([
      'channel_vacated presence-lobby',
      'member_removed presence-lobby 8',
      'member_removed presence-room 8',
    ]);
    expect(got.slice(8)).toEqual(['member_removed presence-room 7', 'channel_vacated presence-room']);
  },
);

test(
  '9.9 what Redis does not take when a node ends is dropped and counted, also what comes after that',
  { timeout: 60_000 },
  async () => {
    prefix += 1;
    const node = await openNode(options());
    await redis.kill();
    await eventually(() => !node.isReady(), 'the node knows', LIMIT_MS);
    for (let at = 0; at < 3; at += 1) void outboxOf(node).add(missed(`c${at}`));
    await node.close();
    expect(outboxOf(node).dropped).toBe(3);
    await outboxOf(node).add(missed('late'));
    expect(outboxOf(node).dropped).toBe(4);
    await redis.restart();
  },
);
