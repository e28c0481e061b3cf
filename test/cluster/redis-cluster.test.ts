import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Redis } from 'ioredis';
import type { ChannelRef } from '../../src/core/ports/events.ts';
import { Keys } from '../../src/stores/redis/keys.ts';
import { startCluster, type TestCluster } from '../support/redis-groups.ts';
import type { TestRedis } from '../support/redis.ts';
import { eventually } from '../support/wire.ts';
import { channelOf, exerciseAllPorts, member, openNode, nodeOptions } from './redis-node.ts';

const SLOTS = 16_384;
/** Time after the settling by which every node has compared its members. */
const AFTER_SETTLING_MS = 2000;
const SETTLING_LIMIT_MS = 15_000;
const KEPT = { size: 100, ttlSeconds: 60 };

let cluster: TestCluster;
beforeAll(async () => void (cluster = await startCluster({ replicas: true })));
afterAll(() => cluster.close());

const all = (): readonly TestRedis[] => [...cluster.masters, ...cluster.replicas];

async function withClient<T>(server: TestRedis, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis({ port: server.port, retryStrategy: null });
  client.on('error', () => undefined);
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}

/** Returns the server that has the partition of a channel. */
async function serverOf(ref: ChannelRef, keyPrefix: string): Promise<TestRedis> {
  const slot = await slotOf(ref, keyPrefix);
  const answers = await Promise.allSettled(
    all().map((server) => withClient(server, (client) => client.cluster('SLOTS'))),
  );
  const slots = answers.find((each) => each.status === 'fulfilled')?.value ?? [];
  const port = slots.find(([from, to]) => from <= slot && slot <= to)?.[2]?.[1];
  const owner = all().find((each) => each.port === port);
  if (owner === undefined) throw new Error(`No server has slot ${slot}`);
  return owner;
}

async function slotOf(ref: ChannelRef, keyPrefix: string): Promise<number> {
  const { pubsubChannel } = new Keys(keyPrefix, 16).channel(ref);
  const [any] = cluster.replicas;
  if (any === undefined) throw new Error('no server');
  const slot = await withClient(any, (client) => client.cluster('KEYSLOT', pubsubChannel));
  expect(slot).toBeLessThan(SLOTS);
  return slot;
}

const many = (count: number): ChannelRef[] => Array.from({ length: count }, (_, at) => channelOf(`c${at}`));

describe('two nodes over a Cluster', () => {
  test('3.13 every port works, those of webhooks too', () =>
    exerciseAllPorts(nodeOptions({ cluster: cluster.addresses })));

  test('3.13 both nodes receive the events of channels on every server, once and in order', async () => {
    const where = nodeOptions({ cluster: cluster.addresses });
    const [a, b] = [await openNode(where), await openNode(where)];
    const refs = many(50);
    for (const ref of refs) for (const node of [a, b]) await node.broker.subscribe(ref);
    for (const n of ['1', '2', '3'])
      await Promise.all(refs.map((ref) => a.broker.publish(ref, { payload: n }, KEPT)));
    for (const ref of refs) {
      for (const node of [a, b]) {
        await eventually(() => node.payloads(ref.channel).length >= 3, 'all events have arrived');
        expect(node.payloads(ref.channel)).toEqual(['1', '2', '3']);
      }
    }
    expect(new Set(await Promise.all(refs.map((ref) => serverOf(ref, where.keyPrefix)))).size).toBe(3);
  });

  test('6.7 both nodes receive a command to terminate a user', async () => {
    const where = nodeOptions({ cluster: cluster.addresses });
    const [a, b] = [await openNode(where), await openNode(where)];
    const received: string[] = [];
    a.nodeCommands.onTerminate((app, user) => received.push(`a ${app} ${user}`));
    b.nodeCommands.onTerminate((app, user) => received.push(`b ${app} ${user}`));
    await a.nodeCommands.terminate('app', 'u');
    await eventually(() => received.length === 2, 'both nodes received it');
    expect(received.sort()).toEqual(['a app u', 'b app u']);
  });

  test('3.13 reopens broken subscriptions, without missing or repeating an event', async () => {
    const where = nodeOptions({ cluster: cluster.addresses });
    const [a, b] = [await openNode(where), await openNode(where)];
    const refs = many(1500);
    await Promise.all(refs.map((ref) => b.broker.subscribe(ref)));
    const publish = (payload: string) =>
      Promise.all(refs.map((ref) => a.broker.publish(ref, { payload }, KEPT)));
    await publish('1');
    for (const server of cluster.masters)
      await withClient(server, (client) => client.call('CLIENT', 'KILL', 'TYPE', 'pubsub'));
    await publish('2');
    await eventually(() => !b.isReady(), 'the node is not ready');
    await b.ready();
    await publish('3');
    const last = (): number => b.deliveries.filter(({ event }) => event.payload === '3').length;
    await eventually(() => last() === refs.length, 'the last event has arrived');
    for (const { channel: name } of refs) expect([name, b.payloads(name)]).toEqual([name, ['1', '2', '3']]);
    expect(b.count('lost_events_total')).toBe(0);
    expect(b.count('invalid_data_total')).toBe(0);
  });
});

test('3.13 subscriptions continue when their slot moves to another server', async () => {
  const where = nodeOptions({ cluster: cluster.addresses });
  const [a, b] = [await openNode(where), await openNode(where)];
  const ref = channelOf('moving');
  await b.broker.subscribe(ref);
  await a.broker.publish(ref, { payload: '1' }, KEPT);
  const from = await serverOf(ref, where.keyPrefix);
  const to = cluster.masters.find((each) => each !== from);
  if (to === undefined) throw new Error('no other server');
  await moveSlot(await slotOf(ref, where.keyPrefix), from, to);
  await a.insist(ref, '2');
  await b.ready();
  await a.insist(ref, '3');
  await eventually(() => b.payloads('moving').includes('3'), 'the last event has arrived');
  expect(b.payloads('moving')).toEqual(['1', '2', '3']);
  expect(await serverOf(ref, where.keyPrefix)).toBe(to);
});

async function moveSlot(slot: number, from: TestRedis, to: TestRedis): Promise<void> {
  const [fromId, toId] = await Promise.all(
    [from, to].map((server) => withClient(server, (client) => client.call('CLUSTER', 'MYID'))),
  );
  await withClient(to, (client) => client.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(fromId)));
  await withClient(from, async (client) => {
    await client.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(toId));
    for (;;) {
      const keys = (await client.call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[];
      if (keys.length === 0) break;
      await client.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5000, 'KEYS', ...keys);
    }
  });
  for (const server of [to, from])
    await withClient(server, (client) => client.call('CLUSTER', 'SETSLOT', slot, 'NODE', String(toId)));
}

test('4.4 when a server fails, its replica takes over, channels on other servers continue, and members are kept', async () => {
  const where = nodeOptions({ cluster: cluster.addresses });
  const [a, b] = [await openNode(where), await openNode(where)];
  const presence = channelOf('presence-room');
  for (const [node, id] of [
    [a, '1'],
    [b, '2'],
  ] as const) {
    await node.broker.subscribe(presence);
    await node.membership.join(presence, { subscriptions: 1, member: member(id), socketId: '1.1' });
  }
  await a.insist(presence, 'before');
  for (const node of [a, b])
    await eventually(() => node.payloads('presence-room').includes('before'), 'both nodes receive it');
  const failing = await serverOf(presence, where.keyPrefix);
  const candidates = many(50);
  const servers = await Promise.all(candidates.map((ref) => serverOf(ref, where.keyPrefix)));
  const other = candidates[servers.findIndex((each) => each !== failing)] ?? presence;
  const keys = new Keys(where.keyPrefix, 16);
  const stateKey = keys.generation(keys.channel(presence).partition);
  const generationAt = (server: TestRedis) =>
    withClient(server, async (client) => Number(await client.hget(stateKey, 'generation')));
  const sinceSettlingMs = (server: TestRedis) =>
    withClient(server, async (client) => {
      const [now] = await client.time();
      return Number(now) * 1000 - Number(await client.hget(stateKey, 'settling'));
    });
  const generation = await generationAt(failing);
  const deliveredBefore = [a, b].map((node) => node.payloads('presence-room'));

  await failing.kill();
  const killedAt = Date.now();
  await a.broker.publish(other, { payload: 'meanwhile' }, KEPT);
  expect(await a.insist(presence, 'after')).toBeGreaterThan(0);
  expect(Date.now() - killedAt).toBeLessThan(12_000);
  await Promise.all([a.ready(), b.ready()]);
  await a.insist(presence, 'last');
  for (const node of [a, b])
    await eventually(() => node.payloads('presence-room').includes('last'), 'both nodes receive it');
  const successor = await serverOf(presence, where.keyPrefix);
  expect(successor).not.toBe(failing);
  await eventually(async () => (await generationAt(successor)) > generation, 'the generation has increased');
  await eventually(
    async () => (await sinceSettlingMs(successor)) > AFTER_SETTLING_MS,
    'the settling is over',
    SETTLING_LIMIT_MS,
  );
  for (const node of [a, b])
    expect((await node.membership.members(presence)).map(({ id }) => id).sort()).toEqual(['1', '2']);
  expect([a, b].map((node) => node.payloads('presence-room'))).toEqual(
    deliveredBefore.map((before) => [...before, 'after', 'last']),
  );
}, 60_000);
