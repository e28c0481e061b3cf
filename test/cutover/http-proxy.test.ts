/** Proxied HTTP requests, with good and bad answers: no request hangs, and no hop-by-hop or forged header is forwarded. */
import { describe, expect, test } from 'vitest';
import { APP } from '../support/app.ts';
import { upgradeText } from '../support/wire-tcp.ts';
import { startFrontDoor } from './servers.ts';
import {
  acceptResponse,
  SECRET_RESPONSE,
  requestText,
  sendRaw,
  startRecordingUpstream,
} from './recording-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

const GET = requestText('GET /pulse', 'Host: localhost', 'Connection: close');
const answerTo = async (answer: string | ((head: string) => string), text = GET) => {
  const upstream = await startRecordingUpstream(
    typeof answer === 'string'
      ? (_, socket) => {
          socket.end(answer, 'latin1');
          return undefined;
        }
      : answer,
  );
  const frontDoor = await startFrontDoor(upstream, 50);
  const client = sendRaw(frontDoor.port, text);
  await client.ended;
  return { client, upstream, frontDoor };
};

const BAD: readonly (readonly [what: string, answer: string])[] = [
  ['an unasked 101', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\nraw'],
  ['a 101 without Upgrade', 'HTTP/1.1 101 Switching Protocols\r\n\r\nraw'],
  ['status 000', 'HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n'],
  ['status 099', 'HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n'],
  ['status 600', 'HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n'],
  ['status 999', 'HTTP/1.1 999 High\r\nContent-Length: 0\r\n\r\n'],
  ['garbage', 'x'.repeat(5000)],
  ['nothing', ''],
  ['half a head', 'HTTP/1.1 200 OK\r\nContent-'],
  [
    'both framings',
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  ],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
  ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc'],
  ['a head without an end', `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(5000)}`],
];

describe('an invalid answer', () => {
  test.each(BAD)('11.2 %s is answered with 502, and the connection ends', async (_, answer) => {
    const { client } = await answerTo(answer);
    expect(client.status()).toBe(502);
    expect(client.text()).toContain('The upstream (WAVEHALL_CUTOVER_UPSTREAM)');
  });

  test.each([
    ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc'],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab'],
    ['in invalid chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n'],
  ])('11.2 an incomplete answer %s is cut off, not completed', async (_, answer) => {
    const { client } = await answerTo(answer);
    expect(client.text()).not.toMatch(/\r\n0\r\n\r\n$/);
    expect(client.text()).not.toContain('a'.repeat(100));
  });

  test('11.2 an endless answer is ended when the client disconnects', async () => {
    let isOpen = true;
    const upstream = await startRecordingUpstream((_, socket) => {
      const more = setInterval(
        () => socket.writableLength < 1_000_000 && socket.write('x'.repeat(65_536)),
        5,
      );
      socket.on('close', () => {
        clearInterval(more);
        isOpen = false;
      });
      return 'HTTP/1.1 200 OK\r\n\r\n';
    });
    const frontDoor = await startFrontDoor(upstream, 50);
    const client = sendRaw(frontDoor.port, GET);
    await client.answered();
    expect(isOpen).toBe(true);
    client.socket.destroy();
    await expect.poll(() => isOpen).toBe(false);
  });
});

describe('the framing of an answer', () => {
  test.each([
    [
      'HEAD /pulse',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc',
      /\r\nContent-Length: 3\r\n[^]*\r\n\r\n$/,
    ],
    ['GET /pulse', 'HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc', /^HTTP\/1\.1 204[^]*\r\n\r\n$/],
    [
      'GET /pulse',
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\nabc',
      /^HTTP\/1\.1 304[^]*\r\n\r\n$/,
    ],
    [
      'GET /pulse',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' + SECRET_RESPONSE,
      /^HTTP\/1\.1 200[^]*secret!$/,
    ],
    [
      'GET /pulse',
      'HTTP/1.0 200 OK\r\n\r\nuntil the end',
      /^HTTP\/1\.1 200[^]*\r\n\r\nd\r\nuntil the end\r\n0\r\n\r\n$/,
    ],
  ])('11.2 %s answered with %j', async (line, answer, expected) => {
    const { client } = await answerTo(answer, requestText(line, 'Host: localhost', 'Connection: close'));
    expect(client.text()).toMatch(expected);
  });
});

describe('the framing of a request', () => {
  test.each([
    [
      'Trailer without chunks',
      `${requestText('POST /pulse', 'Host: a', 'Connection: close', 'Trailer: X-A', 'Content-Length: 3')}abc`,
      200,
    ],
    ['TE', requestText('GET /pulse', 'Host: a', 'Connection: close, TE', 'TE: trailers'), 200],
    [
      'Expect',
      `${requestText('POST /pulse', 'Host: a', 'Connection: close', 'Expect: 100-continue', 'Content-Length: 3')}abc`,
      200,
    ],
    ['no host', 'GET /pulse HTTP/1.0\r\n\r\n', 200],
    ['two hosts', requestText('GET /pulse', 'Host: a', 'Host: b', 'Connection: close'), 404],
    ['an invalid host', requestText('GET /pulse', 'Host: a/b@c', 'Connection: close'), 404],
    [
      'two framings',
      `${requestText('POST /pulse', 'Host: a', 'Content-Length: 3', 'Transfer-Encoding: chunked')}abc`,
      400,
    ],
  ])('11.2 %s is answered at once', async (_, text, status) => {
    const { client, upstream } = await answerTo(() => SECRET_RESPONSE, text);
    expect(client.text().replace('HTTP/1.1 100 Continue\r\n\r\n', '')).toMatch(
      new RegExp(`^HTTP/1\\.1 ${status}`),
    );
    expect(upstream.received()).not.toMatch(/trailer|^te:|expect/im);
  });

  test('11.2 a body behind 2,001 header lines, and a chunked body of GET, arrive as bodies and not as requests', async () => {
    const many = Array.from({ length: 2001 }, () => 'a:');
    const inner = requestText('GET /inner', 'Host: a');
    const first = await answerTo(
      () => SECRET_RESPONSE,
      `${requestText('POST /pulse', 'Host: a', 'Connection: close', ...many, `Content-Length: ${inner.length}`)}${inner}`,
    );
    expect(first.client.status()).toBe(200);
    expect(first.upstream.received()).toMatch(new RegExp(`\\r\\nContent-Length: ${inner.length}\\r\\n`));
    const second = await answerTo(
      () => SECRET_RESPONSE,
      `${requestText('GET /pulse', 'Host: a', 'Connection: close', 'Transfer-Encoding: chunked')}${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`,
    );
    expect(second.client.status()).toBe(200);
    expect(second.upstream.received()).toContain('\r\nTransfer-Encoding: chunked\r\n');
  });
});

const HOP_BY_HOP_HEADERS = [
  'Connection: close, X-Named, Upgrade',
  'Keep-Alive: timeout=9',
  'Proxy-Connection: keep-alive',
  'Proxy-Authorization: Basic secret',
  'Proxy-Authenticate: Basic',
  'TE: gzip',
  'X-Named: secret',
];
const PROXY_HEADERS = [
  'Forwarded: for=6.6.6.6',
  'X-Forwarded-For: 6.6.6.6',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: evil',
  'X-Forwarded-Port: 666',
  'X-Forwarded-Prefix: /evil',
  'X-Forwarded-Server: evil',
  'X-Forwarded-Anything: evil',
  'X_Forwarded_For: 6.6.6.6',
  'X-Real-IP: 6.6.6.6',
  'X-Client-IP: 6.6.6.6',
  'True-Client-IP: 6.6.6.6',
  'CF-Connecting-IP: 6.6.6.6',
  'X-Original-URL: /evil',
  'X-Rewrite-URL: /evil',
];
const asRequest = (...lines: string[]) => requestText('GET /pulse', 'Host: a', ...lines);
const asUpgrade = (...lines: string[]) =>
  upgradeText(`/app/${APP.key}?protocol=7`, { Cookie: 'wavehall_bucket=9999' }).replace(
    /Connection: Upgrade\r\n/,
    `${lines.join('\r\n')}\r\n`,
  );
const acceptUpgrades = (head: string): string =>
  head.startsWith('GET /app') ? acceptResponse(head) : SECRET_RESPONSE;

describe.each([
  ['a request', asRequest],
  ['an upgrade', asUpgrade],
] as const)('the headers of %s', (_, build) => {
  const headFor = async (lines: readonly string[], env: Record<string, string> = {}): Promise<string> => {
    const upstream = await startRecordingUpstream(acceptUpgrades);
    const frontDoor = await startFrontDoor(upstream, 50, env);
    await sendRaw(frontDoor.port, build(...lines)).answered();
    return upstream.received();
  };

  test('11.2 without hop-by-hop headers, and those that Connection names', async () => {
    const head = await headFor([...HOP_BY_HOP_HEADERS, 'X-Kept: 1']);
    expect(head).toContain('X-Kept: 1\r\n');
    expect(head).not.toMatch(/keep-alive|proxy-|^te:|x-named|secret/im);
  });

  test('11.2 without proxy headers that the client forged', async () => {
    const head = await headFor(['Connection: close, Upgrade', ...PROXY_HEADERS]);
    // As a whole word: the random id of the front door may contain these digits.
    expect(head).not.toMatch(/6\.6\.6\.6|evil|\b666\b|https/);
    expect(head).toContain('X-Forwarded-For: 127.0.0.1\r\n');
    expect(head).toContain('X-Forwarded-Proto: http\r\n');
  });

  test('11.2 with the headers of a trusted proxy, extended', async () => {
    const head = await headFor(['Connection: close, Upgrade', ...PROXY_HEADERS], {
      WAVEHALL_TRUSTED_PROXIES: '127.0.0.1',
    });
    expect(head).toContain('X-Forwarded-For: 6.6.6.6, 127.0.0.1\r\n');
    expect(head).toContain('Forwarded: for=6.6.6.6, for=127.0.0.1\r\n');
    for (const line of ['X-Forwarded-Proto: https', 'X-Forwarded-Port: 666', 'X-Real-IP: 6.6.6.6'])
      expect(head).toContain(`${line}\r\n`);
    expect(head.match(/^host:/gim)).toHaveLength(1);
  });
});

test('11.2 an answer is forwarded without its hop-by-hop headers', async () => {
  const { client } = await answerTo(
    'HTTP/1.1 200 OK\r\nConnection: X-Named\r\nX-Named: secret\r\nKeep-Alive: timeout=1\r\nProxy-Authenticate: Basic\r\nTrailer: X-A\r\nUpgrade: h2c\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok',
  );
  expect(client.text()).toContain('X-Kept: 1\r\n');
  expect(client.text()).not.toMatch(/x-named|secret|keep-alive|proxy-|trailer|upgrade/i);
});

describe('pipelined requests', () => {
  test.each([
    ['this side', 100],
    ['the upstream', 0],
  ])('11.2 are answered in order by both servers, and an upgrade to %s behind them', async (_, percent) => {
    const upstream = await startRecordingUpstream((head, socket) => {
      if (/^upgrade:/im.test(head)) return acceptResponse(head);
      setTimeout(() => socket.write(SECRET_RESPONSE), 100);
      return undefined;
    });
    const frontDoor = await startFrontDoor(upstream, percent);
    const proxied = requestText('GET /pulse', 'Host: a');
    const own = requestText('GET /live', 'Host: a');
    const client = sendRaw(frontDoor.port, proxied, own, proxied, upgradeText(`/app/${APP.key}?protocol=7`));
    await waitFor(() => expect(client.text()).toContain(' 101 '));
    const answers = client.text().match(/HTTP\/1\.1 \d{3}|secret!|"live":true/g);
    expect(answers).toEqual([
      ...['HTTP/1.1 200', 'secret!'],
      ...['HTTP/1.1 200', '"live":true'],
      ...['HTTP/1.1 200', 'secret!'],
      'HTTP/1.1 101',
    ]);
  });

  test('11.2 with CONNECT behind them get their answers, then its refusal', async () => {
    const frontDoor = await startFrontDoor(await startRecordingUpstream(), 50);
    const tunnel = requestText('CONNECT a:1', 'Host: a:1');
    const client = sendRaw(frontDoor.port, requestText('GET /pulse', 'Host: a'), tunnel);
    await client.ended;
    expect(client.text().match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 405']);
  });
});
