/** Endpoints that are renamed or removed while events wait for them in Redis. */
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Stores } from '../../../src/core/ports/stores.ts';
import { openRedisStores } from '../../../src/stores/redis/index.ts';
import { outboxOf, takeAll, wishesOf } from '../../contracts/outbox.ts';
import { FakeLogger } from '../../core/fakes.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { eventually } from '../../support/wire.ts';
import { nodeOptions } from '../redis-node.ts';

let redis: TestRedis;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.port);
});
afterAll(async () => {
  client.disconnect();
  await redis.close();
});
beforeEach(() => client.flushall());

const open: Stores[] = [];
afterEach(async () => {
  for (const stores of open.splice(0)) await stores.close();
});

const optionsOf = (endpoints: readonly string[]) =>
  nodeOptions({
    port: redis.port,
    keyPrefix: 'changed:',
    leaseMs: 12_000,
    partitions: 1,
    webhooks: wishesOf({ endpoints }),
  });

/** Starts a node with these endpoints. */
async function start(endpoints: readonly string[]): Promise<Stores> {
  const stores = await openRedisStores(optionsOf(endpoints), new FakeLogger());
  open.push(stores);
  await stores.broker.start(() => undefined);
  return stores;
}

async function stop(stores: Stores): Promise<void> {
  open.splice(open.indexOf(stores), 1);
  await stores.close();
}

const told = (channel: string) =>
  ({ type: 'client_event', ref: { app: 'a', channel }, fields: { event: 'client-x' } }) as const;
/** Names of the keys of the one outbox there is. */
async function keysOf() {
  const [stream = ''] = await client.keys('*{p0}:w:*:s');
  return { stream, attempts: stream.replace(/s$/, 'a') };
}
const streamLength = async () => client.xlen((await keysOf()).stream);
const groups = async (): Promise<string[]> =>
  ((await client.xinfo('GROUPS', (await keysOf()).stream)) as string[][]).map(([, name = '']) => name);

/** Lets so much time pass for an endpoint that it counts as gone. */
const forget = async (endpoint: string) => client.hset((await keysOf()).attempts, `@${endpoint}`, 1);

test('9.6 a renamed endpoint gets nothing that was made before', async () => {
  const before = await start(['old']);
  for (const channel of ['a', 'b']) await outboxOf(before).add(told(channel));
  await stop(before);
  const outbox = outboxOf(await start(['new']));
  await outbox.add(told('c'));
  expect((await takeAll(outbox, 'new', 1)).map(({ ref }) => ref.channel)).toEqual(['c']);
  expect(await outbox.waiting('new')).toMatchObject({ entries: 1 });
});

test('9.6 an endpoint that comes back within an hour gets what waited for it, with its attempts', async () => {
  const before = await start(['one', 'old']);
  await outboxOf(before).add(told('a'));
  const [entry] = await takeAll(outboxOf(before), 'old', 1);
  await outboxOf(before).failed('old', entry!.id, 2);
  await stop(before);
  const between = await start(['one']);
  const [other] = await takeAll(outboxOf(between), 'one', 1);
  await outboxOf(between).done('one', [other!.id]);
  await outboxOf(between).add(told('b'));
  const [next] = await takeAll(outboxOf(between), 'one', 1);
  await outboxOf(between).done('one', [next!.id]);
  await stop(between);
  const after = outboxOf(await start(['one', 'old']));
  const taken = await takeAll(after, 'old', 2);
  expect(taken.map(({ ref, attempts }) => [ref.channel, attempts])).toEqual([
    ['a', 2],
    ['b', 0],
  ]);
});

test('9.6 what waits for an endpoint that is gone for longer is removed, and keeps nothing else', async () => {
  const before = await start(['one', 'old']);
  for (const channel of ['a', 'b']) await outboxOf(before).add(told(channel));
  const [entry] = await takeAll(outboxOf(before), 'old', 1);
  await outboxOf(before).failed('old', entry!.id, 2);
  await stop(before);
  const outbox = outboxOf(await start(['one']));
  const taken = await takeAll(outbox, 'one', 2);
  await outbox.done(
    'one',
    taken.map(({ id }) => id),
  );
  expect([await streamLength(), await groups()]).toEqual([2, ['old', 'one']]);
  await forget('old');
  await eventually(async () => (await streamLength()) === 0, 'the stream is empty');
  expect(await groups()).toEqual(['one']);
  expect(await client.hkeys((await keysOf()).attempts)).toEqual(['@one']);
});

test('9.6 while old and new nodes run together, events of an endpoint that only one knows are kept', async () => {
  const [before, after] = [await start(['old']), await start(['old', 'new'])];
  // When the second is taken, the first was removed if it was going to be.
  for (const channel of ['a', 'b']) {
    await outboxOf(before).add(told(channel));
    const [entry] = await takeAll(outboxOf(before), 'old', 1);
    await outboxOf(before).done('old', [entry!.id]);
  }
  await stop(before);
  const taken = await takeAll(outboxOf(after), 'new', 2);
  expect(taken.map(({ ref }) => ref.channel)).toEqual(['a', 'b']);
});
