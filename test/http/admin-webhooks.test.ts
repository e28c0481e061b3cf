/** Routes of the admin API for webhooks, over a control that remembers what it was asked. */
import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { registerAdmin } from '../../src/admin/plugin.ts';
import type { WebhookControl } from '../../src/admin/routes/webhooks.ts';

const ENDPOINT = { name: 'shop-1', app: 'shop', waiting: 2, oldestSeconds: 7, isFailing: true };
const FAILED = {
  id: 'a',
  endpoint: 'shop-1',
  event: 'channel_vacated',
  channel: 'orders',
  reason: 'HTTP 410',
  failedAtMs: 1,
};

const control: WebhookControl = {
  list: () => Promise.resolve([ENDPOINT]),
  failed: () => Promise.resolve([FAILED]),
  body: (id, most) => Promise.resolve(id === 'a' ? { events: [], most } : undefined),
  replay: (ids) => Promise.resolve(ids.filter((id) => id === 'a').length),
  test: (endpoint) => Promise.resolve(endpoint === 'shop-1' ? { isDelivered: true } : undefined),
};

async function ask(
  webhooks: WebhookControl | undefined,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
) {
  const server = Fastify();
  await registerAdmin(server, {
    token: 'token',
    cutover: undefined,
    restart: undefined,
    webhooks,
    live: { watch: () => () => undefined } as never,
    trace: { find: () => Promise.resolve({}) },
    metrics: { contentType: 'text/plain', text: () => Promise.resolve('') },
    status: () => Promise.resolve({}),
    apps: () => [],
  });
  const headers = { authorization: 'Bearer token' };
  const answer = await server.inject({ method, url: `/admin/webhooks${path}`, headers, payload: body ?? '' });
  await server.close();
  return [answer.statusCode, answer.json<unknown>()];
}

test('11.5 lists endpoints and failed deliveries', async () => {
  expect(await ask(control, 'GET', '')).toEqual([200, { endpoints: [ENDPOINT] }]);
  expect(await ask(control, 'GET', '/failed')).toEqual([200, { failed: [FAILED] }]);
});

test('17.13 returns the body of one of the newest 1000 failed deliveries', async () => {
  expect(await ask(control, 'GET', '/failed/a')).toEqual([200, { body: { events: [], most: 1000 } }]);
  expect(await ask(control, 'GET', '/failed/b')).toEqual([404, { error: 'There is no such delivery.' }]);
});

test('11.5 repeats up to 1000 deliveries, and says how many were there', async () => {
  expect(await ask(control, 'POST', '/replay', { ids: ['a', 'b'] })).toEqual([200, { replayed: 1 }]);
  const ids = Array<string>(1000).fill('a');
  expect(await ask(control, 'POST', '/replay', { ids })).toEqual([200, { replayed: 1000 }]);
  for (const wrong of [{ ids: [...ids, 'a'] }, { ids: [] }, { ids: [7] }, { ids: 'a' }, {}])
    expect(await ask(control, 'POST', '/replay', wrong)).toEqual([
      400,
      { error: expect.stringContaining('expected a list of 1 to 1000 ids') as string },
    ]);
});

test('11.5 tests an endpoint', async () => {
  expect(await ask(control, 'POST', '/test', { endpoint: 'shop-1' })).toEqual([200, { isDelivered: true }]);
  expect(await ask(control, 'POST', '/test', { endpoint: 'other' })).toEqual([
    409,
    { error: 'There is no endpoint "other".' },
  ]);
  expect((await ask(control, 'POST', '/test', { endpoint: 7 }))[0]).toBe(400);
});

test('11.5 answers with 409 when no app has an endpoint', async () => {
  for (const [method, path] of [
    ['GET', ''],
    ['GET', '/failed'],
    ['GET', '/failed/a'],
    ['POST', '/replay'],
    ['POST', '/test'],
  ] as const)
    expect((await ask(undefined, method, path, { ids: ['a'] }))[0]).toBe(409);
});
