/** The auth gateway as a client sees it, in front of a stand-in for Laravel (SPEC 14). */
import { describe, expect, test } from 'vitest';
import { APP } from '../support/app.ts';
import { channelAuth, publisher, userAuth } from '../support/wire-http.ts';
import { asker, bearer, startGateway } from './asking.ts';
import { encryptedCookie, sessionCookie, SHARED_SECRET } from './laravel-stand-in.ts';

const session = (name: string): Record<string, string> => ({ cookie: sessionCookie(name) });

describe('what is remembered', () => {
  test('14.4 an equal question is signed for its own socket without asking Laravel', async () => {
    const { app, ask } = await startGateway();
    const first = await ask({ headers: bearer('ann') });
    const second = await ask({ headers: bearer('ann'), socketId: '2.2' });
    expect(first.json).toEqual({ auth: channelAuth(APP, '1.1', 'private-of-ann') });
    expect(second.json).toEqual({ auth: channelAuth(APP, '2.2', 'private-of-ann') });
    expect(app.received).toHaveLength(1);
  });

  test('14.4 channel_data, user_data and shared_secret are repeated byte for byte', async () => {
    const { app, ask } = await startGateway();
    const questions = [
      { channel: 'presence-of-ann' },
      { channel: 'private-encrypted-of-ann' },
      { path: '/broadcasting/user-auth' },
    ];
    for (const question of questions) {
      const [first, second] = [
        await ask({ ...question, headers: bearer('ann') }),
        await ask({ ...question, headers: bearer('ann'), socketId: '2.2' }),
      ].map(({ json }) => json as Record<string, string>);
      const fields = { ...first! };
      delete fields.auth;
      expect(second).toEqual({ ...fields, auth: expect.any(String) as string });
      if (fields.channel_data !== undefined)
        expect(second!.auth).toBe(channelAuth(APP, '2.2', 'presence-of-ann', fields.channel_data));
      if (fields.user_data !== undefined) expect(second!.auth).toBe(userAuth(APP, '2.2', fields.user_data));
      if (question.channel?.includes('encrypted') === true) expect(second!.shared_secret).toBe(SHARED_SECRET);
    }
    expect(app.received).toHaveLength(3);
  });

  test('14.3 a session is the same however often Laravel encrypts its cookie', async () => {
    const { app, ask } = await startGateway();
    for (const socketId of ['1.1', '1.2', '1.3']) await ask({ headers: session('ann-1'), socketId });
    expect(app.received).toHaveLength(1);
    await ask({ headers: session('ann-2') });
    expect(app.received).toHaveLength(2);
  });

  test('14.3 without the key of the cookies the raw cookie is the session', async () => {
    const { app, ask } = await startGateway({ APP_KEY: '' });
    const headers = session('ann-1');
    for (const each of [headers, headers, session('ann-1')])
      expect((await ask({ headers: each })).status).toBe(200);
    expect(app.received).toHaveLength(2);
  });

  test('14.3 an earlier key of the app reads cookies, too', async () => {
    const newer = `base64:${Buffer.alloc(32, 9).toString('base64')}`;
    const { app, ask } = await startGateway({
      APP_KEY: newer,
      APP_PREVIOUS_KEYS: `base64:${Buffer.alloc(32, 7).toString('base64')}`,
    });
    for (let time = 0; time < 3; time += 1) await ask({ headers: session('ann-1') });
    expect(app.received).toHaveLength(1);
  });

  test('14.4 a refusal and a failure are never remembered', async () => {
    const { app, ask } = await startGateway({ WAVEHALL_AUTH_WAIT: '0' });
    const refused = { headers: bearer('bob') };
    expect((await ask(refused)).status).toBe(403);
    app.allows = () => true;
    expect((await ask(refused)).status).toBe(200);
    app.mode = { status: 500, body: 'a fault' };
    const failing = { headers: bearer('cat') };
    expect(await ask(failing)).toMatchObject({ status: 500, text: 'a fault' });
    app.mode = 'well';
    expect((await ask(failing)).status).toBe(200);
  });

  test('14.4 of the headers only those of CORS, Vary and the type are repeated', async () => {
    const { ask } = await startGateway();
    const first = await ask({ headers: session('ann-1') });
    const second = await ask({ headers: session('ann-1') });
    expect(first.headers).toMatchObject({ vary: 'Origin', 'x-powered-by': 'PHP' });
    expect(first.headers['set-cookie']).toHaveLength(2);
    expect(second.headers).toMatchObject({ vary: 'Origin', 'cache-control': 'no-store, private' });
    expect(second.headers).not.toHaveProperty('set-cookie');
    expect(second.headers).not.toHaveProperty('x-powered-by');
  });

  test.each<readonly [string, (answer: Record<string, unknown>) => unknown]>([
    ['a further field', (answer) => ({ ...answer, more: 1 })],
    ['a field that is no text', (answer) => ({ ...answer, channel_data: { user_id: 1 } })],
    ['a signature for another socket', () => ({ auth: channelAuth(APP, '9.9', 'private-of-ann') })],
    ['a signature for another channel', () => ({ auth: channelAuth(APP, '1.1', 'private-other') })],
    ['a wrong secret', () => ({ auth: channelAuth({ ...APP, secret: 'other' }, '1.1', 'private-of-ann') })],
    ['an unknown key', () => ({ auth: channelAuth({ ...APP, key: 'other' }, '1.1', 'private-of-ann') })],
    ['no JSON object', () => ['auth']],
  ])('14.4 an answer with %s is passed on and not remembered', async (_, alter) => {
    const { app, ask } = await startGateway();
    app.alter = alter;
    for (let time = 0; time < 2; time += 1) {
      const answer = await ask({ headers: bearer('ann') });
      expect(answer.json).toEqual(alter({ auth: channelAuth(APP, '1.1', 'private-of-ann') }));
    }
    expect(app.received).toHaveLength(2);
  });

  test('14.4 with a time of 0 Laravel is always asked', async () => {
    const { app, ask } = await startGateway({ WAVEHALL_AUTH_TTL: '0' });
    for (let time = 0; time < 2; time += 1) await ask({ headers: bearer('ann') });
    expect(app.received).toHaveLength(2);
  });
});

describe('which questions are equal', () => {
  const form = (fields: string): { readonly body: string } => ({ body: `socket_id=1.1&${fields}` });

  test.each([
    ['another user', {}, { headers: bearer('bob') }],
    ['another session', { headers: session('ann-1') }, { headers: session('ann-2') }],
    ['another channel', {}, { channel: 'private-2-of-all' }],
    ['another origin', {}, { headers: { ...bearer('ann'), origin: 'https://other.example' } }],
    ['another host', {}, { headers: { ...bearer('ann'), host: 'other.example' } }],
    ['a header that nobody knows', {}, { headers: { ...bearer('ann'), 'x-tenant': '2' } }],
    ['a referer of another origin', {}, { headers: { ...bearer('ann'), referer: 'https://other.example/' } }],
    ['a cookie that nobody knows', {}, { headers: { ...bearer('ann'), cookie: 'tenant=2' } }],
    ['a further field', {}, form('channel_name=private-of-all&guard=admin')],
    [
      'another body type',
      {},
      { type: 'application/json', body: '{"socket_id":"1.1","channel_name":"private-of-all"}' },
    ],
    ['a session beside the token', {}, { headers: { ...bearer('ann'), ...session('ann-1') } }],
  ])('14.3 with %s Laravel is asked', async (_, first, second) => {
    const { app, ask } = await startGateway();
    const common = { channel: 'private-of-all', headers: bearer('ann') };
    await ask({ ...common, ...first });
    await ask({ ...common, ...second });
    expect(app.received).toHaveLength(2);
  });

  test('14.3 headers that change with each request and have no effect do not matter', async () => {
    const { app, ask } = await startGateway({
      WAVEHALL_AUTH_IGNORE_HEADERS: 'X-Trace-*, x-once',
      WAVEHALL_AUTH_IGNORE_COOKIES: 'tool_*',
    });
    for (const each of ['1', '2', '3'])
      await ask({
        headers: {
          ...bearer('ann'),
          ...{ 'x-csrf-token': each, 'x-xsrf-token': each, 'x-socket-id': each, traceparent: each },
          ...{ 'x-trace-id': each, 'X-Once': each, referer: `http://app.example/page/${each}` },
          cookie: `XSRF-TOKEN=${each}; _ga_${each}=${each}; tool_x=${each}`,
        },
      });
    expect(app.received).toHaveLength(1);
  });

  test('14.3 the order and the case of headers do not matter', async () => {
    const { app, ask } = await startGateway();
    await ask({
      headers: { Authorization: 'Bearer token-of-ann', Origin: 'http://a.example', 'X-Requested-With': 'x' },
    });
    await ask({
      headers: { 'x-requested-with': 'x', origin: 'http://a.example', authorization: 'bearer token-of-ann' },
    });
    expect(app.received).toHaveLength(1);
  });

  test.each([
    ['no credentials', {}],
    ['another scheme', { authorization: 'Basic YTpi' }],
    ['a token with a space', { authorization: 'Bearer a b' }],
    ['a cookie of another name, renamed', { cookie: `laravel_session=${encryptedCookie('ann-1', 'other')}` }],
    [
      'a cookie of another key',
      { cookie: sessionCookie('ann-1', `base64:${Buffer.alloc(32, 1).toString('base64')}`) },
    ],
    ['a cookie that is no cookie of Laravel', { cookie: 'laravel_session=x' }],
    [
      'a cookie without its message code',
      { cookie: `laravel_session=${Buffer.from('{"iv":"","value":"","mac":""}').toString('base64')}` },
    ],
    ['two sessions', { cookie: `${sessionCookie('ann-1')}; ${sessionCookie('ann-1')}` }],
    ['a giant cookie', { cookie: `laravel_session=${'a'.repeat(8000)}` }],
  ])('14.3 with %s nothing is remembered', async (_, headers) => {
    const { app, ask } = await startGateway();
    for (let time = 0; time < 2; time += 1) await ask({ headers, channel: 'private-of-all' });
    expect(app.received).toHaveLength(2);
  });

  test('14.3 a token beside a session that cannot be read is not enough', async () => {
    const { app, ask } = await startGateway();
    const headers = { ...bearer('ann'), cookie: 'laravel_session=x' };
    for (let time = 0; time < 2; time += 1) await ask({ headers });
    expect(app.received).toHaveLength(2);
  });
});

describe('which requests are questions', () => {
  test.each([
    ['a socket id with a channel in it', '1.1:private-x'],
    ['no socket id', ''],
    ['two numbers and more', '1.1.1'],
    ['a line end', '1.1\n'],
    ['41 characters', `${'1'.repeat(39)}.1`],
  ])('14.1 %s is refused with 400, and Laravel is not asked', async (_, socketId) => {
    const { app, ask } = await startGateway();
    expect((await ask({ headers: bearer('ann'), socketId })).status).toBe(400);
    expect(app.received).toHaveLength(0);
  });

  test.each([
    ['two channels', 'socket_id=1.1&channel_name=private-of-ann&channel_name=private-of-bob'],
    ['two socket ids', 'socket_id=1.1&socket_id=2.2&channel_name=private-of-ann'],
    ['a public channel', 'socket_id=1.1&channel_name=news-of-ann'],
    ['no channel', 'socket_id=1.1'],
    [
      'a channel in the query, too',
      'socket_id=1.1&channel_name=private-of-ann',
      '/broadcasting/auth?channel_name=private-of-bob',
    ],
  ])(
    '14.1 a request with %s is passed on, and not remembered',
    async (_, body, path = '/broadcasting/auth') => {
      const { app, ask } = await startGateway();
      for (let time = 0; time < 2; time += 1) await ask({ headers: bearer('ann'), body, path });
      expect(app.received.map((each) => each.body)).toEqual([body, body]);
    },
  );

  test('14.1 a JSON object and the query are read, too', async () => {
    const { app, ask } = await startGateway();
    const json = { type: 'application/json', body: '{"channel_name":"private-of-ann","socket_id":"1.1"}' };
    const query = { path: '/broadcasting/auth?socket_id=1.1&channel_name=private-of-ann', body: '' };
    for (const question of [json, json, query, query])
      expect((await ask({ headers: bearer('ann'), ...question })).json).toEqual({
        auth: channelAuth(APP, '1.1', 'private-of-ann'),
      });
    expect(app.received).toHaveLength(2);
  });

  test('14.8 a body of the limit is passed on, and one byte more is refused with 413', async () => {
    const { app, ask } = await startGateway({ WAVEHALL_AUTH_MAX_REQUEST_SIZE: '100' });
    const body = (bytes: number): string => 'socket_id=1.1&channel_name=private-of-ann&x='.padEnd(bytes, 'x');
    expect((await ask({ headers: bearer('ann'), body: body(100) })).status).toBe(200);
    expect((await ask({ headers: bearer('ann'), body: body(101) })).status).toBe(413);
    expect(app.received).toHaveLength(1);
  });

  test('14.8 an answer of the limit is passed on, and one byte more is answered 502', async () => {
    const { app, ask } = await startGateway({ WAVEHALL_AUTH_MAX_ANSWER_SIZE: '100' });
    app.mode = { status: 403, body: 'x'.repeat(100) };
    expect(await ask({ headers: bearer('ann') })).toMatchObject({ status: 403, text: 'x'.repeat(100) });
    app.mode = { status: 403, body: 'x'.repeat(101) };
    expect((await ask({ headers: bearer('ann') })).status).toBe(502);
  });

  test('14.1 other methods are answered 404, and other paths are not served', async () => {
    const { app, server, ask } = await startGateway({ WAVEHALL_AUTH_PATHS: '/api/broadcasting/auth' });
    expect((await ask({ headers: bearer('ann') })).status).toBe(404);
    expect((await ask({ headers: bearer('ann'), path: '/api/broadcasting/auth' })).status).toBe(200);
    expect((await fetch(`${server.origin}/api/broadcasting/auth`, { method: 'DELETE' })).status).toBe(404);
    expect(app.received).toHaveLength(1);
  });
});

describe('what Laravel receives', () => {
  test('14.2 the request as it was, with the client as the server sees it', async () => {
    const { app, ask } = await startGateway();
    await ask({
      headers: {
        ...bearer('ann'),
        ...session('ann-1'),
        ...{
          origin: 'https://app.example',
          referer: 'https://app.example/x',
          host: 'app.example',
          accept: 'a/b',
        },
        ...{
          'x-csrf-token': 't',
          'x-xsrf-token': 'u',
          'x-requested-with': 'XMLHttpRequest',
          'x-socket-id': '1.1',
        },
        ...{
          'user-agent': 'agent',
          'x-forwarded-for': '6.6.6.6',
          'x-real-ip': '6.6.6.6',
          forwarded: 'for=6.6.6.6',
        },
        ...{ 'accept-encoding': 'gzip', connection: 'x-hop, keep-alive', 'x-hop': '1' },
      },
    });
    const { headers, body, url, method } = app.received[0]!;
    expect({ url, method, body }).toEqual({
      url: '/broadcasting/auth',
      method: 'POST',
      body: 'socket_id=1.1&channel_name=private-of-ann',
    });
    expect(headers).toMatchObject({
      ...{
        authorization: 'Bearer token-of-ann',
        origin: 'https://app.example',
        referer: 'https://app.example/x',
      },
      ...{
        host: 'app.example',
        accept: 'a/b',
        'x-csrf-token': 't',
        'x-xsrf-token': 'u',
        'x-socket-id': '1.1',
      },
      ...{ 'x-requested-with': 'XMLHttpRequest', 'user-agent': 'agent', 'x-forwarded-for': '127.0.0.1' },
      ...{ 'x-forwarded-proto': 'http', 'x-forwarded-host': 'app.example', 'x-forwarded-port': '80' },
      ...{ 'accept-encoding': 'identity', 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(String(headers.cookie)).toContain('laravel_session=');
    for (const name of ['x-real-ip', 'forwarded', 'x-hop']) expect(headers).not.toHaveProperty(name);
  });

  test('14.2 what a trusted proxy says of the client counts', async () => {
    const { app, ask } = await startGateway({ WAVEHALL_TRUSTED_PROXIES: '127.0.0.1' });
    await ask({
      headers: {
        ...bearer('ann'),
        ...{ 'x-forwarded-for': '9.9.9.9', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'app.example' },
      },
    });
    expect(app.received[0]!.headers).toMatchObject({
      ...{ 'x-forwarded-for': '9.9.9.9, 127.0.0.1', 'x-forwarded-proto': 'https' },
      ...{ 'x-forwarded-host': 'app.example', 'x-forwarded-port': '443' },
    });
  });

  test('14.2 a redirect is a refusal, with its cookies and without its address', async () => {
    const { app, ask } = await startGateway();
    app.mode = { status: 302, headers: { location: 'https://app.example/login', 'set-cookie': 'a=b' } };
    const answer = await ask({ headers: bearer('ann') });
    expect(answer).toMatchObject({ status: 403, headers: { 'set-cookie': ['a=b'] } });
    expect(answer.headers).not.toHaveProperty('location');
    expect(app.received).toHaveLength(1);
  });

  test('14.2 a Laravel that is this server itself is answered 508', async () => {
    const { server } = await startGateway();
    const { ask } = await startGateway({ WAVEHALL_AUTH_UPSTREAM: server.origin });
    const looping = await startGateway({ WAVEHALL_AUTH_UPSTREAM: server.origin });
    expect((await ask({ headers: bearer('ann') })).status).toBe(508);
    expect((await looping.ask({ headers: bearer('ann') })).status).toBe(508);
  });

  test('14.1 the preflights of a page on another origin are asked once', async () => {
    const { app, server } = await startGateway();
    app.mode = {
      status: 204,
      headers: { 'access-control-allow-origin': 'https://app.example', 'x-more': '1' },
    };
    const preflight = (origin: string) =>
      fetch(`${server.origin}/broadcasting/auth`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-a' },
      });
    for (let time = 0; time < 2; time += 1)
      expect((await preflight('https://app.example')).headers.get('access-control-allow-origin')).toBe(
        'https://app.example',
      );
    expect(app.received).toHaveLength(1);
    await preflight('https://other.example');
    expect(app.received).toHaveLength(2);
    const metrics = await (await server.admin('/metrics')).text();
    expect(metrics).toMatch(/^wavehall_auth_requests_total\{.*outcome="hit".*\} 1$/m);
    expect(metrics).toMatch(/^wavehall_auth_requests_total\{.*outcome="passed_on".*\} 2$/m);
  });
});

describe('what is forgotten', () => {
  const forget = (server: Awaited<ReturnType<typeof startGateway>>['server'], what: object) =>
    server.admin('/auth/forget', { method: 'POST', body: JSON.stringify(what) });

  test.each<readonly [object, asked: boolean]>([
    [{ session: 'ann-1' }, true],
    [{ session: 'ann-2' }, false],
    [{ channel: 'presence-of-ann' }, true],
    [{ channel: 'presence-of-bob' }, false],
    [{ app: 'app-id', user: 'ann' }, true],
    [{ app: 'app-id', user: 'bob' }, false],
    [{ all: true }, true],
  ])('14.6 %j', async (what, isAskedAgain) => {
    const { app, server, ask } = await startGateway();
    const question = { channel: 'presence-of-ann', headers: session('ann-1') };
    await ask(question);
    expect((await forget(server, what)).status).toBe(200);
    await ask(question);
    expect(app.received).toHaveLength(isAskedAgain ? 2 : 1);
  });

  test('14.6 a bearer token is forgotten by itself', async () => {
    const { app, server, ask } = await startGateway();
    for (const token of ['other', 'token-of-ann', 'Bearer token-of-ann']) {
      await ask({ headers: bearer('ann') });
      await forget(server, { token });
    }
    await ask({ headers: bearer('ann') });
    expect(app.received).toHaveLength(3);
  });

  test.each([
    {},
    { all: false },
    { user: 'ann' },
    { app: 'a' },
    { session: 7 },
    { all: true, channel: 'x' },
    { other: 1 },
  ])('14.6 the body %j is refused', async (what) => {
    const { server } = await startGateway();
    expect((await forget(server, what)).status).toBe(400);
  });

  test('14.6 terminating the connections of a user forgets what it was allowed', async () => {
    const { app, server, ask } = await startGateway();
    const question = { channel: 'presence-of-ann', headers: session('ann-1') };
    await ask(question);
    const terminate = (user: string) =>
      publisher({ ...APP, host: '127.0.0.1', port: server.port, prefix: '' }).post(
        `/users/${user}/terminate_connections`,
        {},
      );
    expect((await terminate('bob')).status).toBe(200);
    await ask(question);
    expect(app.received).toHaveLength(1);
    await terminate('ann');
    await ask(question);
    expect(app.received).toHaveLength(2);
  });

  test('14.6 without a gateway the admin API says so', async () => {
    const { server } = await startGateway({ WAVEHALL_AUTH_UPSTREAM: '' });
    expect((await forget(server, { all: true })).status).toBe(409);
    expect((await asker(server)({ headers: bearer('ann') })).status).toBe(404);
  });
});
