/** `wavehall restart` of one process under load, with stock tabs. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, test, vi } from 'vitest';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { LONG_MS } from '../operated-server.ts';
import { restartUnderLoad } from './restarts.ts';

vi.setConfig({ testTimeout: 6 * LONG_MS });
const optionsOfTab = () => ({ wsPath: `/t/${randomUUID()}` });

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.close());

test.each([
  ['without Redis', () => undefined],
  ['over Redis', () => redis],
])('2.17 for stock tabs nothing is lost or comes twice, and no publish fails, %s', (_, redisOf) =>
  restartUnderLoad(redisOf(), optionsOfTab),
);
