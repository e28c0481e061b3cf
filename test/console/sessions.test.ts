/** Log-in, sessions and their rights, on a real server. */
import { randomBytes } from 'node:crypto';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  LoginAttempts,
  MAX_ADDRESSES,
  MAX_WRONG_TOKENS,
  WRONG_TOKENS_MS,
} from '../../src/admin/console/login-attempts.ts';
import { MAX_SESSIONS, SESSION_MS, Sessions } from '../../src/admin/console/sessions.ts';
import { SharedSessions } from '../../src/server/access/console-sessions.ts';
import { LONG_MS, operate, operated, startOperated, TOKEN } from '../cli/operated-server.ts';
import { APP } from '../support/app.ts';
import { startRedis } from '../support/redis.ts';
import type { TestServer } from '../support/server.ts';
import { http } from '../support/wire-http.ts';
import { eventually } from '../support/wire.ts';
import { ask, cookieOf, loggedIn, logIn, pageHeaders } from './operator.ts';

vi.setConfig({ testTimeout: 4 * LONG_MS });

/** Settings whose requests seem to come from the address in X-Forwarded-For. */
const BEHIND_PROXY = { ...operated(), WAVEHALL_TRUSTED_PROXIES: '127.0.0.1' };
const from = (address: string) => ({ 'x-forwarded-for': address });
const READABLE = ['/status', '/apps', '/webhooks', '/cutover'];
const session = (server: TestServer, cookie: string) =>
  ask(server, 'GET', '/admin/console/session', { ...pageHeaders(server), cookie });

test('17.2 the token opens a session in a cookie that scripts and other sites do not get, and log-out ends it', async () => {
  const server = await startOperated(operated());
  const answer = await logIn(server);
  expect([answer.status, answer.json]).toEqual([200, { mode: 'on' }]);
  expect(answer.headers['set-cookie']).toEqual([
    expect.stringMatching(
      new RegExp(
        `^wavehall_console_${server.port}=[\\w-]{43}; Path=/admin; Max-Age=43200; HttpOnly; SameSite=Strict$`,
      ),
    ),
  ]);
  expect(answer.text).not.toContain(cookieOf(answer).split('=')[1]);
  const cookie = cookieOf(answer);
  expect((await session(server, `other=1; ${cookie}; more=2`)).json).toEqual({ mode: 'on' });
  const left = await ask(server, 'DELETE', '/admin/console/session', { ...pageHeaders(server), cookie });
  expect([left.status, left.headers['set-cookie']?.[0]]).toEqual([204, expect.stringContaining('Max-Age=0')]);
  expect((await session(server, cookie)).status).toBe(401);
  expect((await ask(server, 'GET', '/admin/status', { cookie })).status).toBe(401);
});

test('17.2 behind a trusted proxy that has TLS the cookie is for TLS alone', async () => {
  const server = await startOperated(BEHIND_PROXY);
  const [secure, plain] = [await logIn(server, TOKEN, { 'x-forwarded-proto': 'https' }), await logIn(server)];
  expect(secure.headers['set-cookie']?.[0]).toMatch(/; Secure$/);
  expect(plain.headers['set-cookie']?.[0]).not.toContain('Secure');
});

test('17.2 the path of the cookie is the one that the page has behind a proxy, and never another', async () => {
  const server = await startOperated(operated());
  const pathFor = async (path: string) =>
    /Path=([^;]*);/.exec(
      (await logIn(server, TOKEN, { 'x-wavehall-console': path })).headers['set-cookie']?.[0] ?? '',
    )?.[1];
  expect(await pathFor('/ws/eu/admin')).toBe('/ws/eu/admin');
  for (const wrong of [
    '1',
    '/',
    '/other',
    '/a;Domain=x/admin',
    '//x/admin',
    '/admin/',
    `/${'a'.repeat(101)}/admin`,
  ])
    expect(await pathFor(wrong)).toBe('/admin');
});

test('17.2 a log-in that is no token gets 401, one of another page 403, a large one 413', async () => {
  const server = await startOperated(BEHIND_PROXY);
  const bodies = [
    { token: '' },
    { token: [TOKEN] },
    { token: `${TOKEN} ` },
    {},
    [],
    { token: { length: 1 } },
  ];
  for (const [index, body] of bodies.entries())
    expect(
      (
        await ask(
          server,
          'POST',
          '/admin/console/session',
          { ...pageHeaders(server), ...from(`10.0.0.${index}`) },
          body,
        )
      ).status,
    ).toBe(401);
  for (const headers of [
    {},
    { 'x-wavehall-console': '1', origin: 'https://evil.test' },
    { 'x-wavehall-console': '1', 'sec-fetch-site': 'same-site' },
    { 'x-wavehall-console': '1', origin: 'null' },
  ]) {
    const answer = await ask(server, 'POST', '/admin/console/session', headers, { token: TOKEN });
    expect([answer.status, answer.headers['set-cookie']]).toEqual([403, undefined]);
  }
  const raw = (type: string, body: string) =>
    http(server, {
      method: 'POST',
      path: '/admin/console/session',
      headers: { ...pageHeaders(server), ...from('10.2.0.1'), 'content-type': type },
      body,
    });
  expect((await raw('application/json', '{"token":')).json).toEqual({ error: 'Bad request.' });
  expect((await raw('application/json', 'null')).status).toBe(401);
  // A form of another page can send these types without being asked.
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])
    expect((await raw(type, JSON.stringify({ token: TOKEN }))).status).toBeGreaterThan(400);
  const large = { ...pageHeaders(server), ...from('10.1.0.1') };
  const padded = (bytes: number) => ({ token: 'x'.repeat(bytes - '{"token":""}'.length) });
  expect((await ask(server, 'POST', '/admin/console/session', large, padded(2048))).status).toBe(401);
  expect((await ask(server, 'POST', '/admin/console/session', large, padded(2049))).status).toBe(413);
});

test(`17.2 after ${MAX_WRONG_TOKENS} wrong tokens an address waits, with the right one too; others do not`, async () => {
  const server = await startOperated(BEHIND_PROXY);
  for (let attempt = 0; attempt < MAX_WRONG_TOKENS; attempt += 1)
    expect((await logIn(server, 'wrong', from('10.0.0.1'))).status).toBe(401);
  const late = await logIn(server, TOKEN, from('10.0.0.1'));
  expect([late.status, late.headers['set-cookie']]).toEqual([429, undefined]);
  expect(Number(late.headers['retry-after'])).toBeGreaterThan(50);
  expect((await logIn(server, TOKEN, from('10.0.0.2'))).status).toBe(200);
  const metrics = await ask(server, 'GET', '/admin/metrics', { authorization: `Bearer ${TOKEN}` });
  expect(metrics.text).toContain(`wavehall_refusals_total{reason="console_login"} ${MAX_WRONG_TOKENS}`);
  expect(server.output()).not.toContain(TOKEN);
});

test('17.6 wrong tokens are forgotten after a minute, or when the address logs in; an IPv6 network is one address', () => {
  const attempts = new LoginAttempts();
  const take = (address: string, times: number, atMs = 0) =>
    Array.from({ length: times }, () => attempts.take(address, atMs)).at(-1);
  expect(take('a', MAX_WRONG_TOKENS)).toBe(0);
  expect(take('a', 1, 1)).toBe(WRONG_TOKENS_MS - 1);
  expect(take('a', 1, WRONG_TOKENS_MS - 1)).toBe(1);
  expect(take('a', MAX_WRONG_TOKENS, WRONG_TOKENS_MS)).toBe(0);
  expect(take('a', 1, WRONG_TOKENS_MS)).toBe(WRONG_TOKENS_MS);
  take('2001:db8:0:7::1', MAX_WRONG_TOKENS);
  expect(take('2001:db8:0:7:ffff::9', 1)).toBeGreaterThan(0);
  expect(take('2001:db8:0:8::1', 1)).toBe(0);
  attempts.succeeded('2001:db8:0:7::2');
  expect(take('2001:db8:0:7::1', 1)).toBe(0);
});

test(`17.6 remembers ${MAX_ADDRESSES} addresses, and forgets the first of one more`, () => {
  const attempts = new LoginAttempts();
  for (let attempt = 0; attempt < MAX_WRONG_TOKENS; attempt += 1) attempts.take('first', 0);
  for (let address = 1; address < MAX_ADDRESSES; address += 1) attempts.take(`a${address}`, 0);
  expect(attempts.take('first', 1)).toBeGreaterThan(0);
  attempts.take('one more', 0);
  expect(attempts.take('first', 1)).toBe(0);
});

test(`17.2 over all workers ${MAX_WRONG_TOKENS} attempts of an address are compared, however many arrive together`, async () => {
  const redis = await startRedis();
  try {
    const server = await startOperated({ ...BEHIND_PROXY, ...operated(redis) }, ['--workers', '3']);
    const together = async (address: string) => {
      const attempts = Array.from({ length: 20 }, () => logIn(server, 'wrong', from(address)));
      return (await Promise.all(attempts)).map(({ status }) => status);
    };
    for (const address of ['10.5.0.1', '10.5.0.2']) {
      const statuses = await together(address);
      expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(15);
      expect(statuses.every((status) => status === 401 || status === 429)).toBe(true);
      for (let attempt = 0; attempt < 6; attempt += 1)
        expect((await logIn(server, TOKEN, from(address))).status).toBe(429);
    }
    for (let wrong = 0; wrong < MAX_WRONG_TOKENS - 1; wrong += 1)
      expect((await logIn(server, 'wrong', from('10.5.0.3'))).status).toBe(401);
    for (let right = 0; right < 6; right += 1)
      expect((await logIn(server, TOKEN, from('10.5.0.3'))).status).toBe(200);
  } finally {
    await redis.close();
  }
});

test(`17.6 keeps ${MAX_SESSIONS} sessions for 12 hours; one more ends the oldest`, async () => {
  let nowMs = 0;
  const sessions = new SharedSessions(new Sessions(), undefined, () => nowMs);
  const ids = [];
  for (let each = 0; each < MAX_SESSIONS; each += 1) ids.push(await sessions.open());
  expect(new Set(ids).size).toBe(MAX_SESSIONS);
  expect(await sessions.has(ids[0]!)).toBe(true);
  await sessions.open();
  expect([await sessions.has(ids[0]!), await sessions.has(ids[1]!)]).toEqual([false, true]);
  nowMs = SESSION_MS - 1;
  expect(await sessions.has(ids[1]!)).toBe(true);
  nowMs = SESSION_MS;
  expect(await sessions.has(ids[1]!)).toBe(false);
});

test('17.3 a session reads what the page needs, and no answer has a secret', async () => {
  const server = await startOperated(operated());
  const headers = await loggedIn(server);
  for (const path of READABLE) {
    const answer = await ask(server, 'GET', `/admin${path}`, headers);
    expect([path, [200, 404, 409].includes(answer.status)]).toEqual([path, true]);
    expect(answer.text).not.toContain(APP.secret);
    expect(answer.text).not.toContain(TOKEN);
  }
  for (const [method, path] of [
    ['GET', '/metrics'],
    ['GET', '/restart'],
    ['POST', '/restart'],
    ['POST', '/apps'],
    ['POST', '/apps/app-id/rotate'],
    ['PUT', '/cutover'],
    ['GET', '/nothing'],
  ] as const)
    expect([
      path,
      (await ask(server, method, `/admin${path}`, headers, method === 'GET' ? undefined : {})).status,
    ]).toEqual([path, 403]);
});

test('17.3 a cookie that was stolen does nothing on a page of another origin, and an invented one nothing at all', async () => {
  const server = await startOperated(operated());
  const { cookie = '' } = await loggedIn(server);
  for (const foreign of [
    { origin: 'https://evil.test' },
    { origin: `http://127.0.0.1:${server.port + 1}` },
    { origin: `http://evil.test:${server.port}` },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', origin: pageHeaders(server).origin ?? '' },
    { origin: 'https://evil.test', 'x-forwarded-host': 'evil.test' },
  ] as Record<string, string>[]) {
    for (const [method, path] of [
      ['GET', '/status'],
      ['GET', '/live'],
      ['POST', '/webhooks/replay'],
    ] as const)
      expect(
        (await ask(server, method, `/admin${path}`, { ...foreign, cookie, 'x-wavehall-console': '1' }))
          .status,
      ).toBe(403);
    expect((await ask(server, 'GET', '/admin/console/session', { ...foreign, cookie })).status).toBe(401);
    expect(
      (
        await ask(server, 'DELETE', '/admin/console/session', {
          ...foreign,
          cookie,
          'x-wavehall-console': '1',
        })
      ).status,
    ).toBe(403);
  }
  expect((await session(server, cookie)).status).toBe(200);
  const name = cookie.split('=')[0];
  for (const value of ['', 'x', randomBytes(32).toString('base64url'), '__proto__'])
    expect(
      (await ask(server, 'GET', '/admin/status', { ...pageHeaders(server), cookie: `${name}=${value}` }))
        .status,
    ).toBe(401);
});

test('17.2, 2.13 a session outlives a restart of all workers during which nobody asks for it', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.close());
  const server = await startOperated(operated(redis), ['--workers', '2']);
  const { cookie = '' } = await loggedIn(server);
  expect((await operate(server, ['restart'])).code).toBe(0);
  for (let asked = 0; asked < 4; asked += 1) expect((await session(server, cookie)).status).toBe(200);
});

test('17.3 an action needs the header of the page and its origin; the log has a line for each', async () => {
  const server = await startOperated(operated());
  const headers = await loggedIn(server);
  const act = (given: Record<string, string>) =>
    ask(server, 'POST', '/admin/webhooks/test', given, { endpoint: 'x' });
  for (const name of ['origin', 'x-wavehall-console'])
    expect(
      (await act(Object.fromEntries(Object.entries(headers).filter(([each]) => each !== name)))).status,
    ).toBe(403);
  // No app of this server has an endpoint.
  expect((await act(headers)).status).toBe(409);
  const line = '"action":"POST /admin/webhooks/test","endpoint":"x","address":"127.0.0.1","status":409';
  await eventually(
    () => server.output().includes(line),
    () => server.output(),
    LONG_MS,
  );
});

test('17.3 in read-only mode every action gets 403, and the log says so', async () => {
  const server = await startOperated({ ...operated(), WAVEHALL_CONSOLE: 'read' });
  const headers = await loggedIn(server);
  expect((await session(server, headers.cookie ?? '')).json).toEqual({ mode: 'read' });
  expect((await ask(server, 'GET', '/admin/status', headers)).status).toBe(200);
  for (const path of ['/webhooks/test', '/webhooks/replay'])
    expect((await ask(server, 'POST', `/admin${path}`, headers, { ids: ['a'] })).status).toBe(403);
  const line = '"action":"POST /admin/webhooks/replay","address":"127.0.0.1","status":403';
  await eventually(
    () => server.output().includes(line),
    () => server.output(),
    LONG_MS,
  );
});

test('17.2 all workers know a session, one that began later too, and none after the log-out', async () => {
  const redis = await startRedis();
  try {
    const server = await startOperated(operated(redis), ['--workers', '3']);
    const headers = await loggedIn(server);
    const statuses = async () =>
      Promise.all(
        Array.from({ length: 12 }, async () => (await ask(server, 'GET', '/admin/status', headers)).status),
      );
    expect(new Set(await statuses())).toEqual(new Set([200]));
    const { workers } = (await ask(server, 'GET', '/admin/status', headers)).json as {
      workers: { node: { pid: number } }[];
    };
    const pids = workers.map(({ node }) => node.pid);
    expect(pids).toHaveLength(3);
    process.kill(pids[0]!, 'SIGKILL');
    await eventually(
      async () => {
        const answer = await ask(server, 'GET', '/admin/status', headers).catch(() => undefined);
        const now = (answer?.json as { workers?: { node: { pid: number } }[] } | undefined)?.workers ?? [];
        return now.length === 3 && !now.some(({ node }) => node.pid === pids[0]);
      },
      'a new worker',
      LONG_MS,
    );
    expect(new Set(await statuses())).toEqual(new Set([200]));
    await ask(server, 'DELETE', '/admin/console/session', headers);
    expect(new Set(await statuses())).toEqual(new Set([401]));
  } finally {
    await redis.close();
  }
});
