import { afterAll, beforeAll, expect, test } from 'vitest';
import { Redis } from 'ioredis';
import { APP, APP_ENV } from '../conformance/settings.ts';
import { CaseTools } from '../conformance/case-tools.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startServer, type TestServer } from '../support/server.ts';

let redis: TestRedis;
let server: TestServer;

beforeAll(async () => {
  redis = await startRedis();
  server = await startServer({
    ...APP_ENV,
    REVERB_SCALING_ENABLED: 'true',
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: String(redis.port),
  });
});
afterAll(async () => {
  await server.close();
  await redis.close();
});

test('6.2 repeating a sign-in sends nothing to Redis, with any watchlist', async () => {
  const site = new CaseTools({ ...APP, host: server.host, port: server.port, prefix: '' });
  const client = new Redis({ host: '127.0.0.1', port: redis.port });
  const countCalls = async (): Promise<number> => {
    const stats = await client.info('commandstats');
    const calls = [
      ...stats.matchAll(/cmdstat_(?:evalsha|subscribe|ssubscribe|unsubscribe|sunsubscribe):calls=(\d+)/g),
    ];
    return calls.reduce((sum, [, count]) => sum + Number(count), 0);
  };
  try {
    const user = { id: 'me', watchlist: Array.from({ length: 100 }, (_, at) => `watched-${at}`) };
    const wire = await site.signedIn(user);
    await wire.next('pusher_internal:watchlist_events');
    const before = await countCalls();
    for (let times = 0; times < 50; times += 1) site.signIn(wire, user);
    for (let times = 0; times < 50; times += 1) await wire.next('pusher:signin_success');
    // The node itself runs other commands meanwhile, such as renewals of its lease.
    expect((await countCalls()) - before).toBeLessThan(200);
  } finally {
    await site.cleanUp();
    client.disconnect();
  }
});
