import { describe, expect, test } from 'vitest';
import { APP, secondApp } from '../conformance/settings.ts';
import { member } from '../conformance/case-tools.ts';
import type { Pairs } from '../support/wire-http.ts';
import { canonical, hmacHex, md5Hex, signedPath } from '../support/wire-http.ts';
import { Tcp } from '../support/wire-tcp.ts';
import { attackedServer, range } from './attacked-server.ts';

const target = attackedServer(secondApp.needs);
const INVALID = 'Authentication signature invalid.';
const BASE = `/apps/${APP.id}`;
const EVENT = { name: 'e', data: 'd', channel: 'orders' };
const now = () => Math.floor(Date.now() / 1000);

const validPairs = (): Pairs => [
  ['auth_key', APP.key],
  ['auth_timestamp', String(now())],
  ['auth_version', '1.0'],
];

/** Signs the pairs, but sends the given query. */
const sendQuery = (method: string, path: string, signed: Pairs, query: string, body?: string) => {
  const signature = hmacHex(APP.secret, canonical(method, path, signed));
  return target.tools.request({
    method,
    path: `${path}?${query}&auth_signature=${signature}`,
    ...(body !== undefined && { body }),
  });
};

const plain = (pairs: Pairs) => pairs.map(([name, value]) => `${name}=${value}`).join('&');

describe('signatures', () => {
  test.each<[string, (query: string) => string]>([
    ['a list', (query) => query.replace('auth_signature=', 'auth_signature[]=')],
    ['a map', (query) => query.replace('auth_signature=', 'auth_signature[x]=')],
    ['given twice', (query) => `${query}&auth_signature=x`],
    [
      'given twice, the right one last',
      (query) => query.replace('auth_signature=', 'auth_signature=x&auth_signature='),
    ],
    ['of 9 000 characters', (query) => query + 'a'.repeat(9_000)],
    ['with NUL', (query) => `${query}%00`],
    ['with a space', (query) => `${query}+`],
    ['empty', (query) => query.replace(/auth_signature=.*/, 'auth_signature=')],
    ['missing', (query) => query.replace(/&auth_signature=.*/, '')],
  ])('8.2 A09 a signature that is %s: 401', async (_what, change) => {
    const path = change(signedPath(target.tools.app, 'GET', `${BASE}/channels`));
    const answer = await target.tools.request({ method: 'GET', path });
    expect([answer.status, answer.text]).toEqual([401, INVALID]);
  });

  test.each([-601, -3_600, 602, 3_600, -1_353_088_179])('8.2 A10 signed %i s away: 401', async (offset) => {
    const answer = await target.tools.publisher.post('/events', EVENT, { timestampS: now() + offset });
    expect(answer.status).toBe(401);
  });

  test('8.2 A11 accepts the same request again within the window', async () => {
    const path = signedPath(target.tools.app, 'GET', `${BASE}/channels`);
    const get = () => target.tools.request({ method: 'GET', path });
    expect([(await get()).status, (await get()).status]).toEqual([200, 200]);
  });

  test.each<[string, Pairs, string]>([
    ['no body_md5', [], JSON.stringify(EVENT)],
    ['the MD5 of another body', [['body_md5', md5Hex('x')]], JSON.stringify(EVENT)],
    ['the MD5 of nothing', [['body_md5', md5Hex('')]], JSON.stringify(EVENT)],
    [
      'an MD5 in upper case',
      [['body_md5', md5Hex(JSON.stringify(EVENT)).toUpperCase()]],
      JSON.stringify(EVENT),
    ],
  ])('7.4 A12 signed with %s: 401', async (_what, md5, body) => {
    const pairs = [...validPairs(), ...md5];
    const answer = await sendQuery('POST', `${BASE}/events`, pairs, plain(pairs), body);
    expect([answer.status, answer.text]).toEqual([401, INVALID]);
  });

  test('8.2 A12 body_md5 given twice: 401', async () => {
    const body = JSON.stringify(EVENT);
    const pairs = [...validPairs(), ['body_md5', md5Hex(body)] as const];
    const query = `${plain(pairs)}&body_md5=${md5Hex('x')}`;
    expect((await sendQuery('POST', `${BASE}/events`, pairs, query, body)).status).toBe(401);
  });

  test('7.4 A12 a body that is the same JSON in other bytes: 401', async () => {
    const wire = await target.tools.subscriber('orders');
    const signBody = JSON.stringify(EVENT);
    for (const body of [` ${signBody}`, signBody.replace('"e"', '"\\u0065"'), `\ufeff${signBody}`]) {
      expect((await target.tools.publisher.post('/events', body, { signBody })).status).toBe(401);
    }
    await target.tools.receivesNothing(wire);
  });
});

describe('parameters that could be read in two ways', () => {
  const path = `${BASE}/channels`;

  test.each(['auth_key', 'auth_timestamp', 'auth_version'])('8.2 A13 %s given twice: 401', async (name) => {
    const pairs = validPairs();
    const again = pairs.find(([each]) => each === name)![1];
    expect((await sendQuery('GET', path, pairs, `${plain(pairs)}&${name}=${again}`)).status).toBe(401);
    expect((await sendQuery('GET', path, pairs, `${name}=x&${plain(pairs)}`)).status).toBe(401);
    const asList = plain(pairs).replace(`${name}=`, `${name}[]=`);
    expect((await sendQuery('GET', path, pairs, asList)).status).toBe(401);
  });

  test('8.2 A13 two parameters folded into the value of one: 401', async () => {
    const pairs: Pairs = [...validPairs(), ['filter_by_prefix', 'a'], ['info', 'user_count']];
    expect((await sendQuery('GET', path, pairs, plain(pairs))).status).toBe(200);
    const folded = `${plain(validPairs())}&filter_by_prefix=a%26info%3Duser_count`;
    expect((await sendQuery('GET', path, pairs, folded)).status).toBe(401);
    const half = `${plain(validPairs())}&filter_by_prefix=a%26info=user_count`;
    expect((await sendQuery('GET', path, pairs, half)).status).toBe(401);
  });

  test('8.2 A13 two parameters folded into the name of one: 401', async () => {
    const pairs: Pairs = [...validPairs(), ['filter_by_prefix', 'a'], ['info', 'user_count']];
    const folded = `${plain(validPairs())}&filter_by_prefix%3Da%26info=user_count`;
    expect((await sendQuery('GET', path, pairs, folded)).status).toBe(401);
  });

  test('8.2 A13 takes the last value of any other repeated parameter, for the signature and the action', async () => {
    await target.tools.subscriber('orders');
    const pairs: Pairs = [...validPairs(), ['filter_by_prefix', 'ord']];
    const query = `${plain(validPairs())}&filter_by_prefix=nothing&filter_by_prefix=ord`;
    const answer = await sendQuery('GET', path, pairs, query);
    expect([answer.status, answer.json]).toEqual([200, { channels: { orders: {} } }]);
    const other = `${plain(validPairs())}&filter_by_prefix=ord&filter_by_prefix=nothing`;
    expect((await sendQuery('GET', path, pairs, other)).status).toBe(401);
  });

  test('7.4 A13 names in upper case are signed in lower case, and act in lower case', async () => {
    await target.tools.subscriber('presence-a', { member: member('1') });
    const pairs: Pairs = [...validPairs(), ['info', 'user_count']];
    const answer = await sendQuery(
      'GET',
      path,
      pairs,
      plain(pairs).replace('info', 'INFO').replace('auth_key', 'AUTH_KEY'),
    );
    expect([answer.status, answer.json]).toEqual([200, { channels: { 'presence-a': { user_count: 1 } } }]);
  });

  test.each(['+', '%20'])('7.4 A13 a space may be written %s', async (space) => {
    const pairs: Pairs = [...validPairs(), ['filter_by_prefix', 'a b']];
    const query = `${plain(validPairs())}&filter_by_prefix=a${space}b`;
    expect((await sendQuery('GET', path, pairs, query)).status).toBe(200);
  });

  test('7.4 A13 does not read a semicolon as a separator', async () => {
    const pairs: Pairs = [...validPairs(), ['filter_by_prefix', 'a;info=user_count']];
    const answer = await sendQuery('GET', path, pairs, plain(pairs));
    expect([answer.status, answer.json]).toEqual([200, { channels: {} }]);
  });

  test.each([
    [`/apps//${APP.id}/channels`, 404],
    [`//apps/${APP.id}/channels`, 404],
    [`/apps/${APP.id}/channels/`, 404],
    [`/apps/${APP.id}/./channels`, 404],
    [`/apps/x/../${APP.id}/channels`, 404],
    [`/apps/${APP.id}/channels/a/../../events`, 404],
    [`/APPS/${APP.id}/channels`, 404],
    [`/apps/${APP.id}%2Fchannels`, 404],
    [`/apps/${APP.id}/%63hannels`, 200],
  ])('8.1 A13 %s, signed as written: %i', async (odd, status) => {
    const answer = await target.tools.request({
      method: 'GET',
      path: signedPath(target.tools.app, 'GET', odd),
    });
    expect(answer.status).toBe(status);
  });

  test('8.1 A13 %2F in a channel is part of its name, not of the path', async () => {
    const answer = await target.tools.publisher.send('GET', `${BASE}/channels/a%2Fusers`, [], undefined);
    expect([
      [200, { occupied: false }],
      [400, undefined],
    ]).toContainEqual([answer.status, answer.status === 200 ? answer.json : undefined]);
  });
});

/** Sends bytes and returns the status of every answer until the connection ends, within 700 ms. */
const rawStatuses = async (bytes: string | Buffer): Promise<number[]> => {
  const tcp = await Tcp.open(target.tools.app);
  tcp.write(bytes);
  await tcp.end(700).catch(() => undefined);
  const text = tcp.received.toString('latin1');
  tcp.destroy();
  return [...text.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map(([, status]) => Number(status));
};

describe('requests that two servers could read differently', () => {
  const inner = 'GET /up HTTP/1.1\r\nHost: a\r\n\r\n';
  const post = `POST ${BASE}/events HTTP/1.1\r\nHost: a\r\n`;

  test.each([
    [
      'Content-Length and Transfer-Encoding',
      `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
    ],
    [
      'Transfer-Encoding and Content-Length',
      `${post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${inner}`,
    ],
    ['two Content-Lengths', `${post}Content-Length: 0\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`],
    ['a Content-Length with a sign', `${post}Content-Length: +5\r\n\r\nhello${inner}`],
    ['a Content-Length in hex', `${post}Content-Length: 0x5\r\n\r\nhello${inner}`],
    ['Transfer-Encoding: xchunked', `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${inner}`],
    ['a space before the colon', `${post}Content-Length : 5\r\n\r\nhello${inner}`],
    ['a folded header', `${post}X-A: b\r\n Content-Length: 5\r\n\r\nhello${inner}`],
    ['an invalid chunk size', `${post}Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n${inner}`],
    ['a header without a name', `${post}: x\r\n\r\n${inner}`],
    ['NUL in a header', `${post}X-A: b\u0000c\r\n\r\n${inner}`],
    ['bare CR in a header', `${post}X-A: b\rContent-Length: 5\r\n\r\nhello${inner}`],
  ])('8.3 A27 %s: 400, and nothing after it is read', async (_what, bytes) => {
    expect(await rawStatuses(bytes)).toEqual([400]);
  });

  test('8.3 A27 lines that end in LF only: one answer at most for each request', async () => {
    const statuses = await rawStatuses('GET /up HTTP/1.1\nHost: a\n\n');
    expect([[200], [400]]).toContainEqual(statuses);
  });

  test('2.1 A27 does not upgrade a request with a body, nor h2c', async () => {
    const upgrade = (value: string) =>
      `GET /app/${APP.key} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: ${value}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`;
    for (const value of ['h2c', 'websocket', 'h2c, websocket']) {
      const statuses = await rawStatuses(upgrade(value));
      expect(statuses.filter((status) => status < 400)).toEqual([]);
    }
  });

  test('8.1 A54 refuses the preface of HTTP/2', async () => {
    expect(await rawStatuses('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).toEqual([400]);
  });
});

const ROUTES: readonly (readonly ['GET' | 'POST', string])[] = [
  ['POST', `${BASE}/events`],
  ['POST', `${BASE}/batch_events`],
  ['GET', `${BASE}/channels`],
  ['GET', `${BASE}/channels/orders`],
  ['GET', `${BASE}/channels/presence-a/users`],
  ['POST', `${BASE}/users/1/terminate_connections`],
  ['GET', `${BASE}/connections`],
];

describe('every route', () => {
  test.each(ROUTES)(
    '8.2 A28 %s %s without a signature, with and without a body: 401',
    async (method, path) => {
      for (const body of [undefined, '', '{}', '{"name":"e","data":"d","channel":"orders"}']) {
        const answer = await target.tools.request({ method, path, ...(body !== undefined && { body }) });
        expect([answer.status, answer.text]).toEqual([401, INVALID]);
      }
    },
  );

  test.each(ROUTES)('8.3 A28 %s %s by other methods: 4xx', async (right, path) => {
    for (const method of [
      'HEAD',
      'OPTIONS',
      'TRACE',
      'PUT',
      'PATCH',
      'DELETE',
      'PROPFIND',
      right === 'GET' ? 'POST' : 'GET',
    ]) {
      const { status } = await target.tools.request({ method, path });
      expect([method, Math.floor(status / 100)]).toEqual([method, 4]);
    }
  });

  test('8.2 A28 a request that is signed without a body, to a route that needs one: 400', async () => {
    for (const path of ['/events', '/batch_events']) {
      const signed = signedPath(target.tools.app, 'POST', BASE + path);
      expect((await target.tools.request({ method: 'POST', path: signed })).status).toBe(400);
    }
  });

  test.each([
    ['an absolute address', `GET http://evil.test${BASE}/channels HTTP/1.1`],
    ['CONNECT', 'CONNECT evil.test:443 HTTP/1.1'],
    ['*', 'OPTIONS * HTTP/1.1'],
    ['%ff', `GET ${BASE}/channels/%ff HTTP/1.1`],
    ['%00', `GET ${BASE}/channels/%00 HTTP/1.1`],
    ['%', `GET ${BASE}/channels/% HTTP/1.1`],
    ['a long path', `GET ${BASE}/channels/${'x'.repeat(5_000)} HTTP/1.1`],
    ['a long app id', `GET /apps/${'x'.repeat(5_000)}/channels HTTP/1.1`],
    ['UTF-8 in the path', `GET ${BASE}/channels/\u00e9 HTTP/1.1`],
  ])('8.3 A28 %s: 4xx', async (_what, line) => {
    const statuses = await rawStatuses(`${line}\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(statuses.length).toBeLessThan(2);
    for (const status of statuses) expect(Math.floor(status / 100)).toBe(4);
  });

  test.each([
    'application/json\ta',
    ' application/json',
    'application/json; charset=utf-7',
    'text/plain',
    'multipart/form-data',
    '',
    'x'.repeat(2_000),
  ])('8.1 A29 ignores Content-Type %j', async (type) => {
    const headers = { 'Content-Type': type };
    const bad = await target.tools.publisher.post('/events', { data: 'd', channel: 'orders' }, {}, headers);
    expect([bad.status, bad.json]).toEqual([422, { name: ['The name field is required.'] }]);
    expect((await target.tools.publisher.post('/events', EVENT, {}, headers)).status).toBe(200);
  });

  test('8.2 A30 ignores X-Forwarded-* and X-Original-URL for the signature', async () => {
    const headers = {
      'X-Forwarded-Host': 'evil.test',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Prefix': '/x',
      'X-Original-URL': '/up',
      'X-HTTP-Method-Override': 'GET',
    };
    expect((await target.tools.publisher.post('/events', EVENT, {}, headers)).status).toBe(200);
    expect(
      (await target.tools.request({ method: 'POST', path: `${BASE}/events`, body: '{}', headers })).status,
    ).toBe(401);
  });

  test.each(ROUTES)('8.1 A48 %s %s has no CORS headers', async (method, path) => {
    for (const each of ['OPTIONS', method]) {
      const headers = { Origin: 'https://a.test', 'Access-Control-Request-Method': method };
      const answer = await target.tools.request({ method: each, path, headers });
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });
});

describe('what is not public', () => {
  test.each([
    '/metrics',
    '/debug',
    '/debug/pprof',
    '/admin',
    '/dashboard',
    '/usage',
    '/stats',
    '/json',
    '/',
    '/.env',
    '/favicon.ico',
  ])('2.1 A36 A37 answers %s with 404', async (path) => {
    const answer = await target.tools.request({ method: 'GET', path });
    expect([answer.status, answer.text]).toEqual([404, 'Not found.']);
  });

  test('8.11 A38 answers /up the same for every query, at low cost', async () => {
    await target.tools.subscriber('orders');
    const begin = performance.now();
    for (const query of ['', '?app=3', '?auth_key=x', `?${'x'.repeat(5_000)}`]) {
      const answers = await Promise.all(
        range(50).map(() => target.tools.request({ method: 'GET', path: `/up${query}` })),
      );
      for (const { status, text } of answers) expect([status, text]).toEqual([200, '{"health":"OK"}']);
    }
    expect(performance.now() - begin).toBeLessThan(3_000);
  });

  test('8.3 A39 an answer for an unknown app or key reveals nothing else', async () => {
    const unknown = await target.tools.request({ method: 'GET', path: '/apps/99/channels' });
    expect([unknown.status, unknown.text]).toEqual([404, 'No matching application for ID [99].']);
    for (const key of [APP.key, 'nope', '']) {
      const answer = await target.tools.publisher.get('/channels', [], { key, secret: 'wrong' });
      expect([answer.status, answer.text]).toEqual([401, INVALID]);
    }
  });
});

describe('terminating', () => {
  test('6.7 A40 users of another app stay connected, whatever the id', async () => {
    const foreign = await target.tools.as(secondApp.app).signedIn({ id: '42' });
    const own = await target.tools.signedIn({ id: '1' });
    for (const id of [
      '42',
      '42%2F',
      '%2F',
      ':',
      '*',
      '%',
      '..',
      '%2e%2e',
      '4%00',
      'x'.repeat(1_000),
      '__proto__',
    ]) {
      const { status } = await target.tools.publisher.send(
        'POST',
        `${BASE}/users/${id}/terminate_connections`,
        [],
        '{}',
      );
      expect([id, [200, 400, 401, 404].includes(status)]).toEqual([id, true]);
    }
    const empty = await target.tools.publisher.post('/users//terminate_connections', '{}');
    expect([400, 404]).toContain(empty.status);
    await target.tools.receivesNothing(foreign, own);
  });
});

describe('listing', () => {
  test('8.6 A41 lists five thousand channels within a second', async () => {
    const wires = await Promise.all(range(25).map(() => target.tools.connect()));
    for (const [index, wire] of wires.entries()) {
      for (const channel of range(200)) target.tools.sendSubscribe(wire, `many-${index}-${channel}`);
    }
    for (const wire of wires) expect((await wire.settle(10_000)).length).toBe(200);
    const begin = performance.now();
    const { json } = await target.tools.get('/channels', [['info', 'subscription_count']]);
    expect(performance.now() - begin).toBeLessThan(1_000);
    expect(Object.keys((json as { channels: object }).channels).length).toBe(5_000);
  });

  test.each(['.*', '*', '?', '[a-z]', '(a+)+$', '^', '\\', '{}', '%', '\u0000', 'a'.repeat(5_000)])(
    '8.6 A41 reads the filter %j as a literal prefix',
    async (filter) => {
      await target.tools.subscriber('orders');
      const { status, json } = await target.tools.get('/channels', [['filter_by_prefix', filter]]);
      expect([200, 400, 401]).toContain(status);
      if (status === 200) expect(json).toEqual({ channels: {} });
    },
  );

  test.each(['x', ',,,', '*', '__proto__', 'user_count;', 'USER_COUNT', '\u0000'])(
    '8.6 A41 info=%j adds nothing',
    async (info) => {
      await target.tools.subscriber('presence-a', { member: member('1') });
      const { status, json } = await target.tools.get('/channels', [['info', info]]);
      expect([200, 400, 401]).toContain(status);
      if (status === 200) expect(json).toEqual({ channels: { 'presence-a': {} } });
    },
  );

  test.each(['a{b}', '{', 'a*', 'a\r\nDEL x', 'a\u0000', 'a"', "a'", 'a:b', 'a|b', '../a'])(
    '3.2 A42 refuses %j as a channel everywhere',
    async (channel) => {
      expect((await target.tools.publisher.post('/events', { ...EVENT, channel })).status).toBe(400);
      const wire = await target.tools.connect();
      target.tools.sendSubscribe(wire, channel);
      expect((await wire.settle()).map(({ event }) => event)).toEqual(['pusher:subscription_error']);
      const read = await target.tools.publisher.send(
        'GET',
        `${BASE}/channels/${encodeURIComponent(channel)}`,
        [],
        undefined,
      );
      if (read.status === 200) expect(read.json).toEqual({ occupied: false });
      else expect([400, 401, 404]).toContain(read.status);
    },
  );
});
