/** Requests with which an attacker tries to reach more of the upstream than the WebSocket of an app. */
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { APP, APP_VARIABLES } from '../support/app.ts';
import { startStandIn } from '../support/reverb-stand-in.ts';
import { startServer } from '../support/server.ts';
import { frameBytes, OPCODE, textFrame, upgradeText } from '../support/wire-tcp.ts';
import { startFrontDoor, TOKEN } from './servers.ts';
import {
  acceptResponse,
  SECRET_RESPONSE,
  requestText,
  sendRaw,
  startRecordingUpstream,
} from './recording-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

const PATH = `/app/${APP.key}?protocol=7`;
const HANDSHAKE = [
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
];
const upgradeOf = (protocol: string): string[] => [
  'Host: localhost',
  'Connection: Upgrade',
  `Upgrade: ${protocol}`,
];
const without = (name: string): string[] => HANDSHAKE.filter((line) => !line.startsWith(name));

const NOT_PROXIED: readonly (readonly [what: string, text: string])[] = [
  ['another path with another protocol', requestText('GET /secret', ...upgradeOf('foo'))],
  ['another path', requestText('GET /secret', ...HANDSHAKE)],
  ['the root', requestText('GET /', ...HANDSHAKE)],
  ['the HTTP API', requestText(`GET /apps/${APP.id}/channels`, ...HANDSHAKE)],
  ['the admin API', requestText('GET /admin/cutover', ...HANDSHAKE, `Authorization: Bearer ${TOKEN}`)],
  ['a path below the key', requestText(`GET /app/${APP.key}/../../secret`, ...HANDSHAKE)],
  ['a double slash', requestText(`GET //app/${APP.key}`, ...HANDSHAKE)],
  ['an absolute target', requestText(`GET http://localhost${PATH}`, ...HANDSHAKE)],
  ['another protocol', requestText(`GET ${PATH}`, ...upgradeOf('h2c'))],
  ['two protocols', requestText(`GET ${PATH}`, ...HANDSHAKE, 'Upgrade: foo')],
  ['a list of protocols', requestText(`GET ${PATH}`, ...without('Upgrade'), 'Upgrade: websocket, foo')],
  ['POST', requestText(`POST ${PATH}`, ...HANDSHAKE)],
  ['HEAD', requestText(`HEAD ${PATH}`, ...HANDSHAKE)],
  ['no key of the handshake', requestText(`GET ${PATH}`, ...without('Sec-WebSocket-Key'))],
  [
    'a short key of the handshake',
    requestText(`GET ${PATH}`, ...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key: x'),
  ],
  ['two keys of the handshake', requestText(`GET ${PATH}`, ...HANDSHAKE, HANDSHAKE[4]!)],
  [
    'an unknown version',
    requestText(`GET ${PATH}`, ...without('Sec-WebSocket-Version'), 'Sec-WebSocket-Version: 7'),
  ],
  ['no version', requestText(`GET ${PATH}`, ...without('Sec-WebSocket-Version'))],
  ['a body', `${requestText(`GET ${PATH}`, ...HANDSHAKE, 'Content-Length: 5')}hello`],
  ['a body in chunks', `${requestText(`GET ${PATH}`, ...HANDSHAKE, 'Transfer-Encoding: chunked')}0\r\n\r\n`],
  [
    'a request in its body',
    `${requestText(`GET ${PATH}`, ...HANDSHAKE, 'Content-Length: 60')}${requestText('GET /secret', 'Host: localhost')}`,
  ],
  ['two hosts', requestText(`GET ${PATH}`, ...HANDSHAKE, 'Host: other')],
  ['an invalid host', requestText(`GET ${PATH}`, ...without('Host'), 'Host: a/b')],
  [
    'a body behind 2,001 lines',
    `${requestText(`GET ${PATH}`, ...HANDSHAKE, ...Array.from({ length: 2001 }, () => 'a:'), 'Content-Length: 5')}hello`,
  ],
];

describe.each(['true', 'false'])('with WAVEHALL_CUTOVER_PROXY_HTTP=%s', (proxyHttp) => {
  test.each(NOT_PROXIED)(
    '11.2 an upgrade with %s is answered by Wavehall and never becomes a tunnel',
    async (_, text) => {
      const upstream = await startRecordingUpstream();
      const frontDoor = await startFrontDoor(upstream, 0, { WAVEHALL_CUTOVER_PROXY_HTTP: proxyHttp });
      const client = sendRaw(frontDoor.port, text);
      expect(await client.answered()).not.toBe(101);
      client.socket.write(
        requestText('GET /secret', 'Host: localhost', 'X-Forwarded-For: 6.6.6.6', 'Connection: close'),
      );
      client.socket.end();
      await client.ended;
      expect(upstream.received()).not.toMatch(/upgrade|6\.6\.6\.6|hello|token/i);
      if (/upgrade: websocket/i.test(text)) expect(client.status()).toBeGreaterThanOrEqual(400);
    },
  );
});

describe('only accepted sockets become tunnels', () => {
  const ANSWERS: readonly (readonly [what: string, (head: string) => string])[] = [
    ['200', () => SECRET_RESPONSE],
    ['101 to another protocol', (head) => acceptResponse(head).replace('Upgrade: websocket', 'Upgrade: foo')],
    ['101 without a protocol', (head) => acceptResponse(head).replace('Upgrade: websocket\r\n', '')],
    ['101 without Connection', (head) => acceptResponse(head).replace('Connection: Upgrade\r\n', '')],
    ['101 without an accept', (head) => acceptResponse(head).replace(/Sec-WebSocket-Accept.*\r\n/, '')],
    [
      '101 with the accept of another key',
      (head) => acceptResponse(head).replace(/Accept: .{5}/, 'Accept: xxxxx'),
    ],
    ['an endless list of hints', () => 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(50)],
    ['an invalid status', () => 'HTTP/1.1 000 ?\r\n\r\n'],
    ['an endless head', () => `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(9000)}`],
    [
      'two framings',
      () => 'HTTP/1.1 403 No\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
  ];

  test.each(ANSWERS)(
    '11.2 an upstream that answers a handshake with %s gets no further byte',
    async (_, answer) => {
      const upstream = await startRecordingUpstream(answer);
      const frontDoor = await startFrontDoor(upstream, 0);
      const client = sendRaw(
        frontDoor.port,
        upgradeText(PATH),
        textFrame({ event: 'pusher:ping', data: {} }),
      );
      await client.answered();
      if (client.status() === 101) {
        await waitFor(() => expect(client.text()).toContain('connection_established'));
        await waitFor(() => expect(client.text()).toContain('pusher:pong'));
      } else await client.ended;
      for (const text of upstream.texts) expect(text.slice(text.indexOf('\r\n\r\n'))).toBe('\r\n\r\n');
      expect(client.text()).not.toContain('HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsecret!GET');
    },
  );

  test('11.2 informational answers before the 101 are skipped', async () => {
    const upstream = await startRecordingUpstream(
      (head) => `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${acceptResponse(head)}`,
    );
    const frontDoor = await startFrontDoor(upstream, 0);
    const client = sendRaw(frontDoor.port, upgradeText(PATH), 'EARLY');
    expect(await client.answered()).toBe(101);
    await waitFor(() => expect(upstream.received()).toMatch(/\r\n\r\nEARLY$/));
  });

  test('11.2 the upstream’s refusal ends the connection, whatever the client sends behind it', async () => {
    const upstream = await startRecordingUpstream(
      () => 'HTTP/1.1 403 Forbidden\r\nX-Why: a\r\nContent-Length: 3\r\n\r\nno!',
    );
    const frontDoor = await startFrontDoor(upstream, 0);
    const client = sendRaw(frontDoor.port, upgradeText(PATH), requestText('GET /secret', 'Host: localhost'));
    expect(await client.answered()).toBe(403);
    await client.ended;
    expect(client.text()).toMatch(
      /^HTTP\/1\.1 403 Forbidden\r\nX-Why: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nno!$/,
    );
    expect(upstream.received()).not.toContain('secret');
  });

  test('11.2 with WAVEHALL_CUTOVER_PROXY_HTTP=false an unknown key is refused by Wavehall', async () => {
    const upstream = await startRecordingUpstream();
    const frontDoor = await startFrontDoor(upstream, 0, { WAVEHALL_CUTOVER_PROXY_HTTP: 'false' });
    const client = sendRaw(frontDoor.port, upgradeText('/app/their-key?protocol=7'));
    await waitFor(() => expect(client.text()).toContain('4001'));
    expect(upstream.received()).toBe('');
  });

  test.each(['..%2f..%2fsecret', '%2e%2e', 'a%5cb', 'a%00'])(
    '11.2 the key %s, which is a path to some servers, is refused by Wavehall',
    async (key) => {
      const upstream = await startRecordingUpstream();
      const frontDoor = await startFrontDoor(upstream, 0);
      const client = sendRaw(frontDoor.port, upgradeText(`/app/${key}`));
      await waitFor(() => expect(client.text()).toContain('4001'));
      expect(upstream.received()).toBe('');
    },
  );

  test('11.2 a browser reaches the stand-in for Reverb', async () => {
    const upstream = await startStandIn({
      REVERB_APP_KEY: APP.key,
      REVERB_APP_ID: APP.id,
      REVERB_APP_SECRET: APP.secret,
    });
    onTestFinished(() => upstream.close());
    const frontDoor = await startFrontDoor(upstream, 0);
    const client = sendRaw(frontDoor.port, upgradeText(PATH), textFrame({ event: 'pusher:ping', data: {} }));
    await waitFor(() => expect(client.text()).toContain('pusher:pong'));
    expect(client.text()).toContain('X-Powered-By: Laravel Reverb');
    client.socket.write(frameBytes({ opcode: OPCODE.close, payload: Buffer.from([3, 232]) }));
    await client.ended;
  });

  test.each(['GET /secret', 'GET /admin/metrics', 'POST /apps/app-id/events', `POST ${PATH}`])(
    '11.2 %s with an upgrade does not reach the stand-in for Reverb',
    async (line) => {
      const upstream = await startStandIn({ REVERB_APP_KEY: APP.key });
      onTestFinished(() => upstream.close());
      const frontDoor = await startFrontDoor(upstream, 0);
      const client = sendRaw(frontDoor.port, requestText(line, ...HANDSHAKE));
      expect(await client.answered()).toBeGreaterThanOrEqual(400);
      await client.ended;
      expect(client.text()).not.toContain('Reverb');
    },
  );
});

const LOCAL_TARGETS: readonly string[] = [
  '/admin/cutover',
  '/admin',
  '/admin?a=b',
  '//admin/cutover',
  '///admin',
  '/%61dmin/cutover',
  '/%2561dmin/cutover',
  '/%2fadmin',
  '/ADMIN/cutover',
  '/Admin',
  '/admin;x=y/cutover',
  '/;/admin',
  '/./admin/cutover',
  '/x/../admin/cutover',
  '/x/%2e%2e/admin',
  '/x/..;/admin',
  '/x%2f..%2fadmin',
  '/\\admin',
  '/x\\..\\admin',
  '/%5cadmin',
  '/%5c..%5cadmin',
  '/%c0%aeadmin',
  '/admin%00',
  '/admin%20/cutover',
  '/%EF%BD%81dmin',
  '/admin/',
  'http://localhost/admin/cutover',
  'HTTP://localhost/%61dmin/cutover',
  'http://localhost//admin',
  'http://localhost',
  '*',
  'localhost:80',
  '/apps/x/events',
  '/APPS/x/events',
  '/%61pps/x',
  '/UP',
  '/%75p',
  '/Live/',
  '/pusher/app/x/1/abcdefgh/jsonp',
  '/Pusher/%61pp/x/1/abcdefgh/xhr/more',
  '/t/1234567890123456/app/x',
  '/pusher/t/12345678/app',
];

describe('the operator’s paths and token are not forwarded', () => {
  test.each(['', 'ws'])(
    '11.2 with the path prefix "%s" no spelling of the admin API or the HTTP API is proxied',
    async (prefix) => {
      const upstream = await startRecordingUpstream();
      const frontDoor = await startFrontDoor(upstream, 50, {
        REVERB_SERVER_PATH: prefix,
        WAVEHALL_ADMIN_TOKEN: '',
      });
      const targets =
        prefix === ''
          ? LOCAL_TARGETS
          : [
              ...LOCAL_TARGETS,
              ...LOCAL_TARGETS.filter((each) => each.startsWith('/')).map((each) => `/${prefix}${each}`),
              `/${prefix}/${prefix}/admin`,
            ];
      for (const target of targets) {
        const client = sendRaw(
          frontDoor.port,
          requestText(
            `GET ${target}`,
            'Host: localhost',
            'Authorization: Bearer their-own',
            'Connection: close',
          ),
        );
        await client.ended;
        expect(client.text(), target).not.toContain('secret!');
      }
      expect(upstream.received()).toBe('');
    },
  );

  test('11.2 a request with the operator’s token in any place is not proxied', async () => {
    const upstream = await startRecordingUpstream();
    const frontDoor = await startFrontDoor(upstream, 50);
    const requests: readonly string[] = [
      requestText('GET /pulse', 'Host: localhost', `Authorization: Bearer ${TOKEN}`, 'Connection: close'),
      requestText(
        'GET /pulse',
        'Host: localhost',
        'Authorization: Bearer x',
        `authorization: bearer ${TOKEN}`,
        'Connection: close',
      ),
      requestText('GET /pulse', 'Host: localhost', `X-Token: ${TOKEN}`, 'Connection: close'),
      requestText(`GET /pulse?token=${TOKEN}`, 'Host: localhost', 'Connection: close'),
      requestText(
        'GET /pulse',
        'Host: localhost',
        `Authorization: Basic ${Buffer.from(`admin:${TOKEN}`).toString('base64')}`,
        'Connection: close',
      ),
    ];
    for (const text of requests) {
      const client = sendRaw(frontDoor.port, text);
      await client.ended;
      expect(client.status(), text).toBe(404);
    }
    expect(upstream.received()).toBe('');
    const client = sendRaw(
      frontDoor.port,
      requestText('GET /pulse', 'Host: localhost', 'Authorization: Bearer x', 'Connection: close'),
    );
    await client.ended;
    expect(client.text()).toContain('secret!');
    expect(upstream.received()).toContain('Authorization: Bearer x');
  });

  test('11.2 a socket with the operator’s token is proxied without it', async () => {
    const upstream = await startRecordingUpstream();
    const frontDoor = await startFrontDoor(upstream, 0);
    const client = sendRaw(
      frontDoor.port,
      upgradeText(PATH, { Authorization: `Bearer ${TOKEN}`, 'X-Mine': '1' }),
    );
    expect(await client.answered()).toBe(101);
    expect(upstream.received()).toContain('X-Mine: 1');
    expect(upstream.received()).not.toContain(TOKEN);
  });

  test('11.2 CONNECT and TRACE are answered by Wavehall', async () => {
    const upstream = await startRecordingUpstream();
    const frontDoor = await startFrontDoor(upstream, 0);
    for (const line of ['CONNECT localhost:80', 'CONNECT /secret', 'TRACE /secret']) {
      const client = sendRaw(
        frontDoor.port,
        requestText(line, 'Host: localhost'),
        'GET /secret HTTP/1.1\r\n\r\n',
      );
      expect(await client.answered()).toBeGreaterThanOrEqual(400);
      client.socket.end();
      await client.ended;
    }
    expect(upstream.received()).toBe('');
  });
});

const openFilesOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

describe.runIf(existsSync('/proc/self/fd'))('a refused socket', () => {
  test('2.1 that the client keeps open is ended within 5 s, and SIGTERM ends the server before that', async () => {
    const upstream = await startRecordingUpstream(
      () => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n',
    );
    const start = () =>
      startServer({
        ...APP_VARIABLES,
        WAVEHALL_CUTOVER_UPSTREAM: `http://127.0.0.1:${upstream.port}`,
        WAVEHALL_CUTOVER_STATE_FILE: `/tmp/wavehall-${process.pid}-${Math.random()}.json`,
        WAVEHALL_DRAIN_SECONDS: '0',
      });
    const server = await start();
    onTestFinished(() => server.close());
    const before = openFilesOf(server.pid);
    const refuse = async () => {
      const clients = Array.from({ length: 40 }, (_, at) =>
        sendRaw(
          server.port,
          at % 2 === 0 ? upgradeText(PATH) : requestText(`GET ${PATH}`, ...HANDSHAKE, 'Content-Length: 5'),
        ),
      );
      for (const client of clients)
        expect(await client.answered()).toBe(clients.indexOf(client) % 2 === 0 ? 403 : 400);
      for (const client of clients) client.socket.write('more');
    };
    await refuse();
    await waitFor(() => expect(openFilesOf(server.pid)).toBeLessThan(before + 5));
    await refuse();
    server.kill('SIGTERM');
    expect(
      await Promise.race([
        server.exited,
        new Promise((resolve) => setTimeout(() => resolve('still running'), 4500)),
      ]),
    ).toBe(0);
  });
});
