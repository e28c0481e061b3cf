import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { APP } from '../conformance/settings.ts';
import { RawHttp, requestText } from '../support/raw-http.ts';
import { canonical, hmacHex, md5Hex, type Pairs, signedPath } from '../support/wire-http.ts';
import { attackedServer, range } from './attacked-server.ts';

const target = attackedServer();
const BASE = `/apps/${APP.id}`;
const EVENT = { name: 'e', data: 'd', channel: 'orders' };

const opened: RawHttp[] = [];
const open = async (): Promise<RawHttp> => {
  const connection = await RawHttp.open(target.tools.app);
  opened.push(connection);
  return connection;
};
afterEach(() => opened.splice(0).forEach((each) => each.destroy()));

/** Signs a request over the exact bytes of its body; returns path and query. */
const signedBytes = (path: string, body: Buffer): string => {
  const pairs: Pairs = [
    ['auth_key', APP.key],
    ['auth_timestamp', String(Math.floor(Date.now() / 1000))],
    ['auth_version', '1.0'],
    ['body_md5', md5Hex(body)],
  ];
  const signature = hmacHex(APP.secret, canonical('POST', path, pairs));
  return `${path}?${pairs.map((pair) => pair.join('=')).join('&')}&auth_signature=${signature}`;
};

/** Posts a body, signed over its exact bytes. */
const post = (route: string, body: Buffer | string, headers: Record<string, string> = {}) => {
  const bytes = Buffer.from(body as string);
  const path = signedBytes(`${BASE}${route}`, bytes);
  return target.tools.request({ method: 'POST', path, body: bytes, headers });
};

/** Largest permitted answer to an invalid request. */
const MAX_ANSWER_BYTES = 16_384;

describe('a body that is not an event', () => {
  test.each<[string, Buffer]>([
    ['a lone continuation byte', Buffer.from('{"name":"e","data":"\x80","channel":"orders"}', 'latin1')],
    ['Latin-1', Buffer.from('{"name":"e","data":"caf\xe9","channel":"orders"}', 'latin1')],
    ['an overlong slash', Buffer.from('{"name":"e","data":"\xc0\xaf","channel":"orders"}', 'latin1')],
    ['a surrogate', Buffer.from('{"name":"e","data":"\xed\xa0\x80","channel":"orders"}', 'latin1')],
    ['a cut character', Buffer.from('{"name":"e","data":"\xf0\x9f\x98","channel":"orders"}', 'latin1')],
    ['UTF-16', Buffer.from('\ufeff{"name":"e","data":"é","channel":"orders"}', 'utf16le')],
    ['a broken name of a key', Buffer.from('{"name":"e","data":"d","channel":"orders","\xff":1}', 'latin1')],
  ])('8.3 in an encoding other than UTF-8 (%s): 400, and no delivery', async (_what, body) => {
    const wire = await target.tools.subscriber('orders');
    for (const route of ['/events', '/batch_events']) {
      const answer = await post(route, body);
      expect([answer.status, answer.text]).toEqual([400, 'The body is not UTF-8.']);
    }
    await target.tools.receivesNothing(wire);
  });

  test.each<[string, string]>([
    ['a byte order mark', `\ufeff${JSON.stringify(EVENT)}`],
    ['NUL around it', `\u0000${JSON.stringify(EVENT)}\u0000`],
    ['two values', `${JSON.stringify(EVENT)}{}`],
    ['a list', `[${JSON.stringify(EVENT)}]`],
    ['a text', JSON.stringify(JSON.stringify(EVENT))],
    ['10,000 nested lists', '['.repeat(10_000) + ']'.repeat(10_000)],
    ['60,000 unclosed lists', '['.repeat(60_000)],
    ['NaN', '{"name":NaN}'],
    ['a comment', `/* */${JSON.stringify(EVENT)}`],
  ])('8.3 %s: 400', async (_what, body) => {
    const answer = await post('/events', body);
    expect([answer.status, answer.text]).toEqual([400, 'Bad request.']);
  });

  test.each([
    ['numbers', 'channels', '0'],
    ['objects', 'channels', '{}'],
    ['numbers', 'batch', '0'],
    ['nothing', 'batch', 'null'],
  ])('8.3 130 kB of %s in %s: an answer below 16 kB', async (_what, name, item) => {
    const list = `[${range(Math.floor(130_000 / (item.length + 1)))
      .map(() => item)
      .join()}]`;
    const route = name === 'batch' ? '/batch_events' : '/events';
    const answer = await post(route, `{"name":"e","data":"d","${name}":${list}}`);
    expect([400, 422]).toContain(answer.status);
    expect(answer.text.length).toBeLessThan(MAX_ANSWER_BYTES);
  });

  test('8.3 names at most the first hundred invalid fields', async () => {
    for (const [count, named] of [
      [100, 100],
      [101, 100],
      [5_000, 100],
    ] as const) {
      const answer = await post('/events', JSON.stringify({ ...EVENT, channels: range(count) }));
      expect([answer.status, Object.keys(answer.json as object).length]).toEqual([422, named]);
      expect((answer.json as Record<string, unknown>)['channels.0']).toEqual([
        'The channels.0 field must be a string.',
      ]);
    }
  });

  test.each<[string, object]>([
    ['a name', { name: 'x'.repeat(100_000) }],
    ['a channel', { channel: 'x'.repeat(100_000) }],
    ['a list of channels', { channels: range(200).map((at) => `c${at}${'x'.repeat(100)}`) }],
    ['a channel of quotes', { channel: '"'.repeat(100_000) }],
    ['data', { data: 'x'.repeat(100_000) }],
    ['a socket id', { socket_id: '1'.repeat(100_000) }],
    ['names of attributes', { info: 'x,'.repeat(50_000), name: 5 }],
  ])('8.3 %s of 100 kB: a small answer', async (_what, part) => {
    const answer = await post('/events', JSON.stringify({ ...EVENT, ...part }));
    expect([400, 413, 422]).toContain(answer.status);
    expect(answer.text.length).toBeLessThan(1_000);
  });

  test('8.4 gives keys that every object inherits no meaning', async () => {
    const wire = await target.tools.subscriber('orders');
    const body =
      '{"__proto__":{"channel":"x"},"constructor":1,"toString":2,"name":"e","data":"d","channel":"orders"}';
    expect((await post('/events', body)).text).toBe('{}');
    const onlyInherited = '{"__proto__":{"name":"e","data":"d","channel":"orders"}}';
    expect((await post('/events', onlyInherited)).status).toBe(422);
    expect((await wire.settle()).length).toBe(1);
  });

  test('8.4 refuses huge numbers in place of strings', async () => {
    for (const number of ['1e999', '-1e999', '9'.repeat(100_000), '0.'.padEnd(100_000, '9'), '-0']) {
      const answer = await post('/events', `{"name":"e","data":${number},"channel":"orders"}`);
      expect([answer.status, answer.json]).toEqual([422, { data: ['The data field must be a string.'] }]);
    }
  });

  test('8.4 takes the last value of a repeated key', async () => {
    const wire = await target.tools.subscriber('orders');
    await post('/events', '{"name":"a","name":"b","data":"d","channel":"x","channel":"orders"}');
    expect((await wire.settle()).map(({ event }) => event)).toEqual(['b']);
  });

  test('8.4 delivers the escape of a lone surrogate unchanged', async () => {
    const wire = await target.tools.subscriber('orders');
    const answer = await post('/events', '{"name":"\\ud800","data":"\\udfff x","channel":"orders"}');
    expect(answer.text).toBe('{}');
    expect(await wire.settle()).toEqual([{ event: '\ud800', data: '\udfff x', channel: 'orders' }]);
    const channel = await post('/events', '{"name":"e","data":"d","channel":"\\ud800"}');
    expect(channel.status).toBe(400);
  });

  test.each(['gzip', 'deflate', 'br', 'zstd', 'GZIP', 'gzip, identity', 'x'])(
    '8.3 compressed with %s: 415 with the reason, whatever it contains',
    async (encoding) => {
      for (const body of [gzipSync(JSON.stringify(EVENT)), JSON.stringify(EVENT)]) {
        const answer = await post('/events', body, { 'Content-Encoding': encoding });
        expect([answer.status, answer.text]).toEqual([
          415,
          'Content-Encoding is not supported: send the body as it is.',
        ]);
        expect(answer.headers['accept-encoding']).toBe('identity');
      }
    },
  );

  test('8.3 accepts identity, and refuses compressed bytes without the header as not UTF-8', async () => {
    for (const encoding of ['identity', 'Identity'])
      expect((await post('/events', JSON.stringify(EVENT), { 'Content-Encoding': encoding })).status).toBe(
        200,
      );
    expect((await post('/events', gzipSync(JSON.stringify(EVENT)))).text).toBe('The body is not UTF-8.');
  });
});

describe('a signature is valid for one resource', () => {
  const signedFor = (path: string) => signedPath(target.tools.app, 'GET', path).slice(path.length);
  const status = async (path: string, signedOver: string) =>
    (await target.tools.request({ method: 'GET', path: path + signedFor(signedOver) })).status;

  test.each([
    ['channels/presence-a/users', 'channels/presence-a%2Fusers'],
    ['channels/presence-a/users', 'channels/presence-a%2fusers'],
    ['channels/presence-a/users', 'channels%2Fpresence-a/users'],
    ['channels/a%20b', 'channels/a%2520b'],
    ['channels/a%2Fb', 'channels/a%252Fb'],
    ['channels/a%', 'channels/a%25'],
    ['channels/%41', 'channels/%2541'],
    ['channels/%41', 'channels/%%34%31'],
    ['channels/a', 'channels/a#b'],
    ['channels/a#b', 'channels/a'],
    ['channels/a#b', 'channels/a#b'],
    ['channels/a', 'channels/a%00'],
  ])('7.4 a signature over %s is invalid for %s', async (over, path) => {
    expect([401, 400, 404]).toContain(await status(`${BASE}/${path}`, `${BASE}/${over}`));
  });

  test.each([
    ['channels/a b', 'channels/a%20b'],
    ['channels/a@b,c;d=e', 'channels/a%40b%2Cc%3Bd%3De'],
    ['channels/ü', 'channels/%C3%BC'],
    ['channels/a?b', 'channels/a%3Fb'],
    ['channels/a%20b', 'channels/a%20b'],
    ['channels/a%2Fb', 'channels/a%2Fb'],
    ['channels/a%252Fb', 'channels/a%252Fb'],
    ['channels/a%25', 'channels/a%25'],
  ])('7.4 a signature over %s is valid for %s', async (over, path) => {
    expect(await status(`${BASE}/${path}`, `${BASE}/${over}`)).toBe(200);
  });
});

describe('a request that is unusual HTTP', () => {
  test.each([
    'text/html; charset=x',
    'multipart/form-data',
    'application/json',
    'nonsense',
    '/',
    ';',
    'a/b; c="',
    'x'.repeat(2_000),
  ])('8.3 POST of an unknown path with Content-Type %j: 404; of a path for GET: 405', async (type) => {
    const headers = { 'Content-Type': type };
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      for (const path of ['/nothing', '/', `${BASE}/nothing`, '/apps']) {
        const answer = await target.tools.request({ method, path, headers, body: '{' });
        expect([method, path, answer.status, answer.text]).toEqual([method, path, 404, 'Not found.']);
      }
      const known = await target.tools.request({ method, path: '/up', headers, body: '{' });
      expect([known.status, known.headers.allow]).toEqual([405, 'GET, HEAD']);
    }
  });

  test('8.3 does not wait for a body that no route reads, and keeps the order of answers', async () => {
    const connection = await open();
    connection.write(requestText('POST /nothing', ['Content-Length: 300000']));
    expect((await connection.answer())?.status).toBe(404);
    connection.write(Buffer.alloc(300_000, 'GET /up HTTP/1.1\r\n\r\n'));
    connection.write(requestText('GET /live'));
    expect((await connection.answer())?.body).toBe('{"live":true}');
  });

  test('8.1 answers a thousand pipelined requests in order', async () => {
    const connection = await open();
    const signed = requestText(`GET ${signedPath(target.tools.app, 'GET', `${BASE}/connections`)}`);
    const three = [signed, requestText('GET /up'), requestText('POST /nothing', [], 'x')];
    connection.write(Buffer.concat(range(999).map((at) => three[at % 3]!)));
    const answers = await connection.answers(999);
    expect(answers.map((answer) => answer?.status)).toEqual(range(999).map((at) => [200, 200, 404][at % 3]));
  });

  test('8.12 limits the bytes of header lines: 431, and the connection closes', async () => {
    for (const lines of [
      range(2_000).map((at) => `X-${at}: ${at}`),
      [`X: ${'x'.repeat(20_000)}`],
      [`Cookie: ${'a=b; '.repeat(5_000)}`],
    ]) {
      const connection = await open();
      connection.write(requestText('GET /up', lines));
      const answer = await connection.answer();
      expect([answer?.status, (answer?.body.length ?? 0) < 200]).toEqual([431, true]);
      await connection.end();
    }
  });

  test('8.12 reads 2,300 short header lines and the body of the request', async () => {
    const connection = await open();
    const path = signedBytes(`${BASE}/events`, Buffer.from(JSON.stringify(EVENT)));
    connection.write(
      requestText(
        `POST ${path}`,
        range(2_300).map(() => 'a:'),
        JSON.stringify(EVENT),
      ),
    );
    connection.write(requestText('GET /live'));
    expect((await connection.answers(2)).map((answer) => answer?.body)).toEqual(['{}', '{"live":true}']);
  });

  test('8.1 reads a chunked body, and ignores trailers and extensions', async () => {
    const connection = await open();
    const body = JSON.stringify(EVENT);
    const path = signedBytes(`${BASE}/events`, Buffer.from(body));
    const chunks = Array.from(body)
      .map((each) => `1;ext=${'x'.repeat(20)}\r\n${each}\r\n`)
      .join('');
    connection.write(requestText(`POST ${path}`, ['Transfer-Encoding: chunked', 'Trailer: X-A']));
    connection.write(`${chunks}0\r\nX-A: 5\r\nAuthorization: x\r\n\r\n`);
    expect((await connection.answer())?.body).toBe('{}');
    connection.write(requestText('GET /live'));
    expect((await connection.answer())?.body).toBe('{"live":true}');
  });

  test('8.12 answers chunks above the limit of a body with 413, and refuses endless extensions', async () => {
    const chunked = await open();
    chunked.write(requestText(`POST ${BASE}/events`, ['Transfer-Encoding: chunked']));
    chunked.write(`${(200_000).toString(16)}\r\n${'x'.repeat(200_000)}\r\n0\r\n\r\n`);
    expect((await chunked.answer())?.status).toBe(413);
    const extended = await open();
    extended.write(requestText(`POST ${BASE}/events`, ['Transfer-Encoding: chunked']));
    extended.write(`1;${'x'.repeat(100_000)}\r\n`);
    expect([400, 413]).toContain((await extended.answer())?.status);
  });

  test('8.1 Expect: 100-continue is answered and served; another expectation: 417', async () => {
    const connection = await open();
    const body = JSON.stringify(EVENT);
    const path = signedBytes(`${BASE}/events`, Buffer.from(body));
    const line = `POST ${path}`;
    connection.write(requestText(line, [`Content-Length: ${body.length}`, 'Expect: 100-continue']));
    expect((await connection.answer())?.status).toBe(100);
    connection.write(body);
    expect((await connection.answer())?.body).toBe('{}');
    const other = await open();
    other.write(requestText('GET /up', ['Expect: tea']));
    expect((await other.answer())?.status).toBe(417);
  });

  test("8.3 checks the signature of a GET's body, and never reads it as the next request", async () => {
    const connection = await open();
    const path = signedPath(target.tools.app, 'GET', `${BASE}/channels`);
    connection.write(requestText(`GET ${path}`, [], 'GET /up HTTP/1.1\r\nHost: a\r\n\r\n'));
    connection.write(requestText('GET /live'));
    const [first, second] = await connection.answers(2);
    expect([200, 401]).toContain(first?.status);
    expect(second?.body).toBe('{"live":true}');
  });

  test('8.1 HTTP/1.0 needs no Host and closes; HTTP/1.1 without Host, or with two: 400', async () => {
    const old = await open();
    old.write('GET /up HTTP/1.0\r\n\r\n');
    expect((await old.answer())?.status).toBe(200);
    await old.end();
    const kept = await open();
    kept.write('GET /up HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    expect((await kept.answer())?.status).toBe(200);
    const without = await open();
    without.write('GET /up HTTP/1.1\r\n\r\n');
    expect((await without.answer())?.status).toBe(400);
    await without.end();
  });

  test('8.1 refuses framing headers in a trailer', async () => {
    for (const trailer of ['Content-Length: 5', 'Transfer-Encoding: chunked']) {
      const connection = await open();
      connection.write(requestText(`POST ${BASE}/events`, ['Transfer-Encoding: chunked']));
      connection.write(`1\r\nx\r\n0\r\n${trailer}\r\n\r\n`);
      expect([400, 401]).toContain((await connection.answer())?.status);
    }
  });

  test.each(['GET //up', 'GET /%75p/..', 'GET http://evil.test//up', 'GET up', 'GET *', 'OPTIONS *'])(
    '8.1 answers the path %s with 404 or 400',
    async (line) => {
      const connection = await open();
      connection.write(requestText(line));
      expect([404, 400]).toContain((await connection.answer())?.status);
    },
  );

  test('8.1 uses only the path of an absolute address, for the signature too', async () => {
    const connection = await open();
    connection.write(requestText('GET http://evil.test/up'));
    expect((await connection.answer())?.body).toBe('{"health":"OK"}');
    const path = signedPath(target.tools.app, 'GET', `${BASE}/channels`);
    for (const origin of ['http://evil.test', 'https://evil.test:81', 'http://user@evil.test']) {
      connection.write(requestText(`GET ${origin}${path}`));
      expect((await connection.answer())?.body).toBe('{"channels":{}}');
    }
    connection.write(requestText(`GET http://evil.test?x=${path}`));
    expect([400, 401, 404]).toContain((await connection.answer())?.status);
  });

  test.each(['%00', 'a%00b', '%0a', '%0d%0aX:%20y', '%7f', '%c2%80'])(
    '8.2 a channel name with %s: refused',
    async (name) => {
      const path = signedPath(target.tools.app, 'GET', `${BASE}/channels/${name}`);
      const answer = await target.tools.request({ method: 'GET', path });
      expect([400, 401]).toContain(answer.status);
    },
  );

  test('8.2 reads hundreds of parameters, or one repeated as often, within 2 s', async () => {
    for (const name of [(at: number) => `p${at}`, () => 'info', () => 'info[]']) {
      const pairs: Pairs = range(600).map((at) => [name(at), String(at)]);
      const begin = performance.now();
      const path = `${signedPath(target.tools.app, 'GET', `${BASE}/channels`)}&${pairs.map((pair) => pair.join('=')).join('&')}`;
      const answer = await target.tools.request({ method: 'GET', path });
      expect([200, 401]).toContain(answer.status);
      expect(performance.now() - begin).toBeLessThan(2_000);
    }
  });
});

describe('the log', () => {
  test('8.3 shows once a minute what was refused, for which app, and what was expected, without secrets and queries', async () => {
    const at = (seconds: number) => ({ timestampS: Math.floor(Date.now() / 1000) + seconds });
    await target.tools.publisher.post('/events', EVENT, at(-1_000));
    await target.tools.publisher.post('/events', EVENT, { secret: 'wrong-secret' });
    await target.tools.request({ method: 'GET', path: '/apps/99/channels?auth_key=hidden' });
    await target.tools.request({ method: 'GET', path: '/rt/apps/3/channels?auth_key=hidden' });
    const lines = target.server
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const of = (reason: string) => lines.filter((line) => line.reason === reason);
    for (const reason of ['http_timestamp', 'http_signature', 'http_unknown_app', 'http_not_found'])
      expect([reason, of(reason).length]).toEqual([reason, 1]);
    expect(of('http_timestamp')[0]).toMatchObject({ app: APP.id, path: `${BASE}/events`, status: 401 });
    expect(of('http_timestamp')[0]?.expected).toMatch(
      /^a time at most 600 s away; the request's is 100\d s behind$/,
    );
    expect(target.server.output()).not.toMatch(
      new RegExp(`${APP.secret}|wrong-secret|hidden|auth_signature=`),
    );
  });
});
