import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { eventually } from '../support/wire.ts';
import { channel, openNode, usual } from './stores.ts';

let redis: TestRedis;
let admin: Redis;
beforeAll(async () => {
  redis = await startRedis();
  admin = new Redis(redis.url);
});
afterAll(async () => {
  admin.disconnect();
  await redis.close();
});

const KEEP = { size: 50, ttlSeconds: 60 };

test('3.13 what is published while Redis does not say where a new channel stands is delivered', async () => {
  const options = usual({ port: redis.port });
  const [slow, other] = [await openNode({ ...options, commandTimeoutMs: 100 }), await openNode(options)];
  const orders = channel('orders');
  await other.broker.publish(orders, { payload: 'before' }, KEEP);
  // Scripts wait, subscriptions do not.
  await admin.call('CLIENT', 'PAUSE', '60000', 'WRITE');
  await slow.broker.subscribe(orders);
  const published = other.broker.publish(orders, { payload: 'first' }, KEEP);
  await admin.call('CLIENT', 'UNPAUSE');
  await published;
  await other.broker.publish(orders, { payload: 'second' }, KEEP);
  await eventually(() => slow.payloads('orders').length >= 2, 'both are delivered');
  expect(slow.payloads('orders')).toEqual(['first', 'second']);
});
