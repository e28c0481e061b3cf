import { expect, onTestFinished } from 'vitest';
import type { ChannelRef } from '../../src/core/ports/events.ts';
import type { Metric } from '../../src/core/ports/metric.ts';
import type { Outbox } from '../../src/core/ports/webhooks.ts';
import { openRedisStores, type RedisOptions } from '../../src/stores/redis/index.ts';
import { FakeLogger } from '../core/fakes.ts';
import type { Delivery } from '../contracts/capabilities.ts';
import { brief, outboxOf, takeAll, wishesOf } from '../contracts/outbox.ts';
import { eventually } from '../support/wire.ts';

let opened = 0;

/** Default options of a node in these tests, with an own key prefix for each call. */
export const nodeOptions = (options: Partial<RedisOptions> = {}): RedisOptions => ({
  host: '127.0.0.1',
  port: 1,
  database: 0,
  tls: false,
  keyPrefix: `wavehall:${opened++}:`,
  partitions: 16,
  leaseMs: 2000,
  commandTimeoutMs: 1000,
  ...options,
});

/** Opens the stores of one node and records its deliveries; closes them when the test ends. */
export async function openNode(options: RedisOptions) {
  const logger = new FakeLogger();
  const stores = await openRedisStores(options, logger);
  onTestFinished(() => stores.close());
  const deliveries: Delivery[] = [];
  await stores.broker.start((ref, event) => deliveries.push({ ref, event }));
  const payloads = (channel: string): string[] =>
    deliveries.filter(({ ref }) => ref.channel === channel).map(({ event }) => event.payload);
  return {
    ...stores,
    logger,
    deliveries,
    payloads,
    /** Returns the value of a counter, by its name after `wavehall_redis_`. */
    count: (name: string): number => countOf(stores.metrics, name),
    /** Publishes until Redis accepts it; resolves with the number of refusals. */
    async insist(ref: ChannelRef, payload: string, limitMs = 15_000): Promise<number> {
      let refusals = -1;
      await eventually(
        () => {
          refusals += 1;
          return stores.broker.publish(ref, { payload }, { size: 100, ttlSeconds: 60, lastSeconds: 0 }).then(
            () => true,
            () => false,
          );
        },
        `Redis accepts ${payload}`,
        limitMs,
      );
      return refusals;
    },
    ready: (limitMs = 15_000) => eventually(() => stores.isReady(), 'the node is ready', limitMs),
  };
}

function countOf(metrics: readonly Metric[], name: string): number {
  const metric = metrics.find((each) => each.name === `wavehall_redis_${name}`);
  if (metric === undefined) throw new Error(`No metric ${name}`);
  const [[, value] = [[], Number.NaN]] = [...metric.values()];
  return Number(value);
}

export const channelOf = (name: string): ChannelRef => ({ app: 'a', channel: name });

export const member = (id: string) => ({ id, userId: id, infoJson: undefined });

/** Uses every port of two nodes once and expects no warnings. */
export async function exerciseAllPorts(where: RedisOptions): Promise<void> {
  const options = { ...where, webhooks: wishesOf({ maxWaiting: 1600, maxDead: 1600 }), webhookOwnerMs: 1000 };
  const [a, b] = [await openNode(options), await openNode(options)];
  const [orders, presence] = [channelOf('orders'), channelOf('presence-room')];
  const terminated: string[] = [];
  b.nodeCommands.onTerminate((_app, user) => terminated.push(user));
  for (const node of [a, b]) {
    await node.broker.subscribe(orders);
    await node.broker.subscribe(presence);
  }
  await a.membership.join(presence, { subscriptions: 1, member: member('1'), socketId: '1.1' });
  expect(await b.membership.members(presence)).toEqual([member('1')]);
  expect(await b.membership.occupancy(presence)).toMatchObject({ subscriptions: 1, users: 1 });
  expect([...(await b.membership.channels('a', 'presence-')).keys()]).toEqual(['presence-room']);
  expect(await a.quota.admit('a', 10)).toBe(true);
  expect(await b.quota.connections('a')).toBe(1);
  a.quota.dismiss('a');
  await a.broker.publish(orders, { payload: 'kept' }, { size: 50, ttlSeconds: 60, lastSeconds: 60 });
  expect((await b.cachedEvents.last(orders))?.payload).toBe('kept');
  await a.nodeCommands.terminate('a', 'u');
  await a.membership.leave(presence, { subscriptions: 0, member: member('1') });
  await eventually(() => b.payloads('orders').length > 0 && terminated.length > 0, 'b receives both');
  await b.broker.unsubscribe(orders);
  await a.close();
  await eventually(async () => (await b.membership.channels('a', '')).size === 0, 'no channel is occupied');
  await exerciseOutbox(outboxOf(b));
  const problems = [a, b].flatMap(({ logger }) => [...logger.warnings, ...logger.errors]);
  expect(problems).toEqual([]);
}

/** Uses every method of the outbox of a node that is alone now, after a user was on a presence channel of other nodes. */
async function exerciseOutbox(outbox: Outbox): Promise<void> {
  const missed = { type: 'cache_miss', ref: channelOf('presence-room'), fields: {} } as const;
  for (let at = 0; at < 2; at += 1) await outbox.addOnce(missed, 60_000);
  const entries = await takeAll(outbox, 'one', 5);
  const transitions = ['channel_occupied', 'member_added 1', 'member_removed 1', 'channel_vacated'];
  const told = entries.map((entry) => brief(entry).replace(' presence-room', ''));
  expect(told.toSorted()).toEqual(['cache_miss', ...transitions].toSorted());
  expect(told.filter((each) => each !== 'cache_miss')).toEqual(transitions);
  const [first, ...others] = entries;
  await outbox.failed('one', first!.id, 1);
  await outbox.bury('one', first!, 'HTTP 410');
  const ids = others.map(({ id }) => id);
  await outbox.done('one', ids);
  const [letter] = await outbox.deadLetters(10);
  expect(letter).toMatchObject({ endpoint: 'one', reason: 'HTTP 410' });
  expect(await outbox.waiting('one')).toEqual({ entries: 0, oldestMs: 0 });
  expect(await outbox.replay([letter!.id])).toBe(1);
  expect(await takeAll(outbox, 'one', 1)).toMatchObject([{ type: first!.type, attempts: 0 }]);
}
