import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { queueAddressOf } from '../../src/webhooks/index.ts';
import { freePort } from '../support/free-port.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { deliver, endpointOf, record } from './deliver.ts';
import { waitFor } from '../support/wait-for.ts';

const eventTypes = ['channel_occupied', 'channel_vacated'] as const;

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.close());

const clientOf = (db = 0): Redis => {
  const client = new Redis({ port: server.port, host: '127.0.0.1', db });
  onTestFinished(() => client.disconnect());
  return client;
};

test('9.8 a job is pushed as Laravel pushes it, and a worker that waits is woken', async () => {
  const client = clientOf(3);
  const { outbox } = deliver([
    endpointOf('q', `${server.url}/3/queue:hooks?prefix=shop_database_`, { eventTypes }),
  ]);
  await outbox.add(record('a'), 1_327_078_148_132);
  await waitFor(() => expect(outbox.doneOf('q')).toEqual(['id-1']));
  expect((await client.keys('*')).toSorted()).toEqual([
    'shop_database_queues:hooks',
    'shop_database_queues:hooks:notify',
  ]);
  expect(await client.lrange('shop_database_queues:hooks:notify', '0', '-1')).toEqual(['1']);
  const job = JSON.parse((await client.lpop('shop_database_queues:hooks'))!);
  expect(job).toEqual({
    uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    displayName: 'App\\Jobs\\HandleWavehallWebhook',
    job: 'App\\Jobs\\HandleWavehallWebhook@handle',
    maxTries: null,
    maxExceptions: null,
    failOnTimeout: false,
    backoff: null,
    timeout: null,
    data: { time_ms: 1_327_078_148_132, events: [{ name: 'channel_occupied', channel: 'a' }] },
    createdAt: expect.any(Number),
    id: job.uuid,
    attempts: 0,
    type: 'job',
    tags: ['wavehall', 'wavehall:app-id'],
    silenced: false,
    pushedAt: expect.stringMatching(/^\d{10}(\.\d{1,3})?$/),
    wavehall: { app: 'app-id', delivery: 'id-1', attempt: 1 },
  });
});

test('9.8 while Redis is away the events wait, and arrive in their order when it is back', async () => {
  const client = clientOf();
  const { outbox, webhooks } = deliver([endpointOf('q', `${server.url}/queue:back`, { eventTypes })], {
    timeoutMs: 500,
    probeEveryMs: 100,
  });
  expect(await webhooks.test('q')).toEqual({ isDelivered: true });
  await server.kill();
  for (const type of ['channel_occupied', 'channel_vacated'] as const) await outbox.add(record('a', type));
  await waitFor(() => expect(outbox.failures.length).toBeGreaterThan(0));
  await server.restart();
  await waitFor(() => expect(outbox.doneOf('q')).toEqual(['id-1', 'id-2']));
  const jobs = await client.lrange('queues:back', '0', '-1');
  expect(jobs.map((job) => JSON.parse(job).data.events[0].name)).toEqual([
    'channel_occupied',
    'channel_vacated',
  ]);
});

test('9.8 the reason of a failure says why there is no connection', async () => {
  const locked = await startRedis(['--requirepass', 'the-secret']);
  onTestFinished(() => locked.close());
  const at = (login: string) => `redis://${login}127.0.0.1:${locked.port}/queue:a`;
  const { webhooks } = deliver(
    [
      endpointOf('right', at(':the-secret@')),
      endpointOf('wrong', at(':wrong-secret@')),
      endpointOf('none', at('')),
      endpointOf('nobody', `redis://127.0.0.1:${await freePort()}/queue:a`),
    ],
    { timeoutMs: 1000 },
  );
  expect(await webhooks.test('right')).toEqual({ isDelivered: true });
  const reasons = await Promise.all(
    ['wrong', 'none', 'nobody'].map(async (name) => JSON.stringify(await webhooks.test(name))),
  );
  expect(reasons[0]).toMatch(/no connection to Redis: WRONGPASS/);
  expect(reasons[1]).toMatch(/no connection to Redis: NOAUTH/);
  expect(reasons[2]).toMatch(/no connection to Redis: ECONNREFUSED/);
  expect(reasons.join()).not.toContain('secret');
});

test('9.8 a Redis that does not answer is a failure within the time-out', async () => {
  const { webhooks } = deliver([endpointOf('q', `${server.url}/queue:slow`)], { timeoutMs: 200 });
  await webhooks.test('q');
  server.pause();
  onTestFinished(() => server.resume());
  expect(await webhooks.test('q')).toMatchObject({ isDelivered: false });
});

test.each([
  [
    'redis://u:p%40@host:1/2/queue:a',
    { server: { host: 'host', port: 1, username: 'u', password: 'p@', db: 2 }, queue: 'a' },
  ],
  ['rediss://host/queue:a', { server: { host: 'host', port: 6379, tls: {}, db: 0 }, queue: 'a' }],
  [
    'unix:/run/redis.sock/queue:a?password=p',
    { server: { path: '/run/redis.sock', password: 'p', db: 0 }, queue: 'a' },
  ],
  ['unix:///run/redis.sock/4/queue:a', { server: { path: '/run/redis.sock', db: 4 }, queue: 'a' }],
  ['redis://host/queue:a?job=App%5CJobs%5CMine@run', { job: 'App\\Jobs\\Mine@run' }],
  ['redis://host/a', undefined],
  ['redis://host/queue:', undefined],
  ['unix:/queue:a', undefined],
])('9.8 the queue of %s', (url, address) => {
  if (address === undefined) expect(queueAddressOf(new URL(url))).toBeUndefined();
  else expect(queueAddressOf(new URL(url))).toMatchObject(address);
});
