/** The auth gateway on two nodes that share a Redis, and while it is away (SPEC 14.4, 14.6). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { APP } from '../support/app.ts';
import { Redis } from 'ioredis';
import { eventually } from '../support/wire.ts';
import { publisher } from '../support/wire-http.ts';
import { asker, bearer, startGateway } from './asking.ts';
import { startTestServer } from '../cutover/servers.ts';
import { APP_KEY, sessionCookie } from './laravel-stand-in.ts';

/** Behind one load balancer. */
const HOST = 'app.example';

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.close());

async function startTwo(more: Record<string, string> = {}) {
  const env = {
    REVERB_SCALING_ENABLED: 'true',
    REDIS_URL: redis.url,
    WAVEHALL_REDIS_PREFIX: `t${Math.random()}:`,
    ...more,
  };
  const { app, server, ask } = await startGateway(env);
  const other = await startTestServer({ WAVEHALL_AUTH_UPSTREAM: app.url, APP_KEY, ...env });
  return { app, server, ask, other, askOther: asker(other), env };
}

const forget = (server: Awaited<ReturnType<typeof startTestServer>>, what: object) =>
  server.admin('/auth/forget', { method: 'POST', body: JSON.stringify(what) });

describe('two nodes', () => {
  test('14.4 share what was allowed', async () => {
    const { app, ask, askOther } = await startTwo();
    const question = { channel: 'presence-of-ann' };
    await ask({ ...question, headers: { host: HOST, cookie: sessionCookie('ann-1') } });
    expect(
      (await askOther({ ...question, headers: { host: HOST, cookie: sessionCookie('ann-1') } })).status,
    ).toBe(200);
    expect(app.received).toHaveLength(1);
  });

  test.each([
    { all: true },
    { channel: 'presence-of-ann' },
    { token: 'token-of-ann' },
    { app: 'app-id', user: 'ann' },
  ])('14.6 what one forgets, both have forgotten: %j', async (what) => {
    const { app, ask, other, askOther } = await startTwo();
    const question = { channel: 'presence-of-ann', headers: { ...bearer('ann'), host: HOST } };
    await ask(question);
    expect((await forget(other, what)).status).toBe(200);
    await ask(question);
    await askOther(question);
    expect(app.received).toHaveLength(2);
  });

  test('14.6 connections that one terminates are forgotten by both', async () => {
    const { app, ask, other } = await startTwo();
    const question = { channel: 'presence-of-ann', headers: { ...bearer('ann'), host: HOST } };
    await ask(question);
    const at = publisher({ ...APP, host: '127.0.0.1', port: other.port, prefix: '' });
    expect((await at.post('/users/ann/terminate_connections', {})).status).toBe(200);
    await ask(question);
    expect(app.received).toHaveLength(2);
  });

  test('14.4 neither credentials nor channel data can be read in Redis, and what others write there is not used', async () => {
    const { app, ask, env } = await startTwo();
    const question = {
      channel: 'private-encrypted-of-ann',
      headers: { ...bearer('ann'), cookie: sessionCookie('ann-1') },
    };
    await ask(question);
    await ask({ ...question, channel: 'presence-of-ann' });
    const client = new Redis(redis.port, '127.0.0.1');
    try {
      const keys = (await client.keys(`${env.WAVEHALL_REDIS_PREFIX}*auth*`)).filter((key) =>
        key.includes(':o:'),
      );
      expect(keys).toHaveLength(1);
      const fields = await client.hgetall(keys[0]!);
      const all = JSON.stringify([keys, fields]);
      for (const secret of [
        'token-of-ann',
        'ann-1',
        'laravel_session',
        'shared_secret',
        'user_info',
        'AQEBAQ',
      ])
        expect(all).not.toContain(secret);
      const names = Object.keys(fields).filter((name) => name.startsWith('d:'));
      expect(names).toHaveLength(2);
      // Each under the name of the other.
      await client.hset(keys[0]!, names[0]!, fields[names[1]!]!, names[1]!, fields[names[0]!]!);
      await ask(question);
      expect(app.received).toHaveLength(3);
      for (const damage of ['x', '{}', '{"asked":1,"ends":9e15,"text":1,"tags":{}}', '[]']) {
        for (const name of names) await client.hset(keys[0]!, name, damage);
        expect((await ask(question)).status).toBe(200);
      }
      expect(app.received).toHaveLength(7);
    } finally {
      client.disconnect();
    }
  });
});

test('14.4 while Redis is away Laravel is asked each time; afterwards what is allowed is remembered again', async () => {
  const own = await startRedis();
  try {
    const { app, server, ask } = await startGateway({
      ...{ REVERB_SCALING_ENABLED: 'true', REDIS_URL: own.url, WAVEHALL_REDIS_TIMEOUT_MS: '300' },
    });
    await ask({ headers: bearer('ann') });
    await own.kill();
    for (let time = 0; time < 2; time += 1) expect((await ask({ headers: bearer('ann') })).status).toBe(200);
    expect(app.received).toHaveLength(3);
    expect((await forget(server, { all: true })).status).toBe(503);
    await own.restart();
    await eventually(async () => {
      const before = app.received.length;
      await ask({ headers: bearer('ann') });
      return app.received.length === before;
    }, 'it is remembered');
  } finally {
    await own.close();
  }
});
