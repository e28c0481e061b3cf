/** `wavehall restart` of one process under load, with the client file. */
import { afterAll, beforeAll, test, vi } from 'vitest';
import { resume } from '../../../client/index.ts';
import { Pusher } from '../../clients/stock-clients.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { LONG_MS } from '../operated-server.ts';
import { restartUnderLoad } from './restarts.ts';

vi.setConfig({ testTimeout: 6 * LONG_MS });
const optionsOfTab = () => ({});

let redis: TestRedis;
beforeAll(async () => {
  resume(Pusher);
  redis = await startRedis();
});
afterAll(() => redis.close());

test.each([
  ['without Redis', () => undefined],
  ['over Redis', () => redis],
])('2.17 with the client file nothing is lost or comes twice, and no publish fails, %s', (_, redisOf) =>
  restartUnderLoad(redisOf(), optionsOfTab),
);
