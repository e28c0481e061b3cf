import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import WebSocket from 'ws';
import { APP } from '../support/app.ts';
import { startRedis } from '../support/redis.ts';
import { selfSigned } from '../support/certificates.ts';
import { Wire } from '../support/wire.ts';
import { publisher } from '../support/wire-http.ts';
import { signedSide } from '../../src/cutover/split/side-header.ts';
import { webSocketAccept, startFrontDoor, startTestServer, startTcpServer } from './servers.ts';
import { freePort } from '../support/free-port.ts';
import { waitFor } from '../support/wait-for.ts';

const PATH = `/app/${APP.key}?protocol=7&client=js&version=8.4.0`;
const ORIGIN = 'https://example.com';
const withBucket = (bucket: number) => ({ headers: { cookie: `wavehall_bucket=${bucket}` }, origin: ORIGIN });

type RunningServer = Awaited<ReturnType<typeof startTestServer>>;

/** Connects a browser; resolves with the side that the counters show for it. */
const sideOf = async (frontDoor: RunningServer, options: object): Promise<string> => {
  const before = (await frontDoor.status()).split.total;
  const wire = await Wire.open(frontDoor, PATH, options);
  await wire.first();
  const after = (await frontDoor.status()).split.total;
  await wire.close();
  return after.wavehall > before.wavehall
    ? 'wavehall'
    : after.upstream > before.upstream
      ? 'upstream'
      : 'none';
};

describe('the split', () => {
  test('11.1 follows the bucket in the cookie', async () => {
    const frontDoor = await startFrontDoor(await startTestServer(), 25);
    expect(await sideOf(frontDoor, withBucket(2499))).toBe('wavehall');
    expect(await sideOf(frontDoor, withBucket(2500))).toBe('upstream');
  });

  test.each([
    { percent: 0, side: 'upstream' },
    { percent: 100, side: 'wavehall' },
  ])(
    '11.1 at $percent percent a browser gets its cookie with the 101 of $side',
    async ({ percent, side }) => {
      const frontDoor = await startFrontDoor(await startTestServer(), percent);
      const cookies: (string[] | undefined)[] = [];
      const socket = new WebSocket(`ws://127.0.0.1:${frontDoor.port}${PATH}`, { origin: ORIGIN });
      socket.on('error', () => undefined);
      socket.on('upgrade', (answer) => cookies.push(answer.headers['set-cookie']));
      await once(socket, 'message');
      socket.close();
      await once(socket, 'close');
      expect(cookies).toEqual([
        [
          expect.stringMatching(
            /^wavehall_bucket=\d{1,4}; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Lax$/,
          ),
        ],
      ]);
      expect((await frontDoor.status()).split.total).toMatchObject({ [side]: 1 });
    },
  );

  test('11.1 behind a trusted proxy with TLS the cookie is also sent from pages of other sites', async () => {
    const frontDoor = await startFrontDoor(await startTestServer(), 0, {
      WAVEHALL_TRUSTED_PROXIES: '127.0.0.1',
    });
    const socket = new WebSocket(`ws://127.0.0.1:${frontDoor.port}${PATH}`, {
      origin: ORIGIN,
      headers: { 'x-forwarded-proto': 'https' },
    });
    socket.on('error', () => undefined);
    const [answer] = (await once(socket, 'upgrade')) as [{ headers: Record<string, string[]> }];
    socket.close();
    expect(answer.headers['set-cookie']?.[0]).toContain('; SameSite=None; Secure');
  });

  test('11.1 a browser that has a cookie gets no other', async () => {
    const frontDoor = await startFrontDoor(await startTestServer(), 50);
    for (const bucket of [1, 9999]) {
      const socket = new WebSocket(`ws://127.0.0.1:${frontDoor.port}${PATH}`, withBucket(bucket));
      socket.on('error', () => undefined);
      const [answer] = (await once(socket, 'upgrade')) as [{ headers: Record<string, string[]> }];
      socket.close();
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
  });

  test('11.1 by address distinguishes browsers behind a trusted proxy', async () => {
    const frontDoor = await startFrontDoor(await startTestServer(), 50, {
      WAVEHALL_TRUSTED_PROXIES: '127.0.0.1',
      WAVEHALL_CUTOVER_STICKY: 'address',
    });
    const sides = () =>
      Promise.all(
        Array.from({ length: 20 }, async (_, number) => {
          const wire = await Wire.open(frontDoor, PATH, {
            origin: ORIGIN,
            headers: { 'x-forwarded-for': `192.0.2.${number}` },
          });
          onTestFinished(() => wire.close().then(() => undefined));
          await wire.first();
        }),
      );
    await sides();
    const { open } = (await frontDoor.status()).split;
    expect(open.wavehall).toBeGreaterThan(0);
    expect(open.upstream).toBeGreaterThan(0);
    await sides();
    expect((await frontDoor.status()).split.open).toEqual({
      wavehall: 2 * open.wavehall,
      upstream: 2 * open.upstream,
    });
  });

  test('11.1 splits phones of one model behind one address by the share', async () => {
    const PHONES = 200;
    const frontDoor = await startFrontDoor(await startTestServer(), 0);
    const headers = { 'user-agent': 'okhttp/4' };
    for (const percent of [0, 50, 100]) {
      await frontDoor.admin('/cutover', { method: 'PUT', body: JSON.stringify({ percent }) });
      const before = (await frontDoor.status()).split.total;
      for (let at = 0; at < PHONES; at += 1) {
        const wire = await Wire.open(frontDoor, PATH, { headers });
        await wire.next('pusher:connection_established');
        wire.drop();
      }
      const { wavehall, upstream } = (await frontDoor.status()).split.total;
      const [newOnWavehall, newOnUpstream] = [wavehall - before.wavehall, upstream - before.upstream];
      // Five standard deviations.
      const tolerance = 5 * Math.sqrt(PHONES * (percent / 100) * (1 - percent / 100));
      expect(newOnWavehall + newOnUpstream).toBe(PHONES);
      expect(Math.abs(newOnWavehall - (PHONES * percent) / 100), `${percent} %`).toBeLessThanOrEqual(
        tolerance,
      );
    }
  });

  test('11.1 proxies clients of an app that only the upstream has, also at 100 %', async () => {
    const upstreamServer = await startTestServer({
      REVERB_APP_ID: 'b',
      REVERB_APP_KEY: 'their-key',
      REVERB_APP_SECRET: 's',
    });
    const frontDoor = await startFrontDoor(upstreamServer, 100);
    const wire = await Wire.open(frontDoor, '/app/their-key?protocol=7', { origin: ORIGIN });
    expect((await wire.first()).event).toBe('pusher:connection_established');
    await wire.close();
    expect((await frontDoor.status()).split.total).toEqual({ wavehall: 0, upstream: 0 });
  });

  test('11.1 a probe with the app’s secret chooses its side, gets no cookie and is not counted', async () => {
    const frontDoor = await startFrontDoor(await startTestServer(), 0);
    const openAs = async (value: string) => {
      const socket = new WebSocket(`ws://127.0.0.1:${frontDoor.port}${PATH}`, {
        origin: ORIGIN,
        headers: { 'x-wavehall-side': value },
      });
      socket.on('error', () => undefined);
      const [answer] = (await once(socket, 'upgrade')) as [{ headers: Record<string, string[]> }];
      onTestFinished(() => socket.terminate());
      return answer.headers['set-cookie'] === undefined;
    };
    expect(await openAs(signedSide(APP, 'wavehall'))).toBe(true);
    expect(frontDoor.server.connections()).toBe(1);
    const none = { wavehall: 0, upstream: 0 };
    expect((await frontDoor.status()).split).toMatchObject({ open: none, total: none });
    expect(await openAs(`wavehall:${'0'.repeat(64)}`)).toBe(false);
    expect((await frontDoor.status()).split.total).toEqual({ wavehall: 0, upstream: 1 });
  });
});

/** Records an upgrade as it arrives at the upstream, and all bytes after it. */
async function recorded(answer: string, env: Record<string, string> = {}) {
  const received: Buffer[] = [];
  const sockets: Socket[] = [];
  const upstream = await startTcpServer((socket) => {
    let isFirst = true;
    socket.on('data', (chunk: Buffer) => {
      if (isFirst && !chunk.toString().includes('probe-me')) return void socket.destroy();
      if (isFirst) {
        sockets.push(socket);
        socket.write(answer);
      }
      isFirst = false;
      received.push(chunk);
    });
  });
  const frontDoor = await startFrontDoor(upstream, 0, env);
  const browser = connect(frontDoor.port, '127.0.0.1').on('error', () => undefined);
  onTestFinished(() => void browser.destroy());
  return { frontDoor, browser, sockets, received: () => Buffer.concat(received).toString('latin1') };
}

const KEY = 'AAAAAAAAAAAAAAAAAAAAAA==';
const HEAD = [
  `GET ${PATH}&probe-me=%C3%BC HTTP/1.1`,
  'X-oDd-CaSe:  two  spaces',
  'Cookie: wavehall_bucket=77; s=1',
  `Sec-WebSocket-Key: ${KEY}`,
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
  'host: Chat.Example.com:8080',
  'Connection: keep-alive, Upgrade',
  'Upgrade: WebSocket',
];
const ANSWER = [
  'HTTP/1.1 101 Switching  Protocols',
  'X-Powered-By: Laravel Reverb',
  `Sec-WebSocket-Accept: ${webSocketAccept(KEY)}`,
  'Upgrade: websocket',
  'Connection: Upgrade',
  '',
  '',
].join('\r\n');

describe('proxying a socket', () => {
  test('11.2 forwards the head except for the headers of its origin', async () => {
    const { browser, received } = await recorded(ANSWER);
    browser.write(
      `${[...HEAD, 'X-Forwarded-For: 6.6.6.6', 'X-Forwarded-Proto: https'].join('\r\n')}\r\n\r\n`,
    );
    await once(browser, 'data');
    expect(received().split('\r\n')).toEqual([
      HEAD[0],
      'Host: Chat.Example.com:8080',
      ...HEAD.slice(1, 6).map((line) => line.replace(':  two', ': two')),
      'X-Forwarded-For: 127.0.0.1',
      'X-Forwarded-Proto: http',
      'X-Forwarded-Host: Chat.Example.com:8080',
      expect.stringMatching(/^X-Wavehall-Door: [-\da-f]{36}$/),
      'Connection: Upgrade',
      'Upgrade: websocket',
      '',
      '',
    ]);
  });

  test('11.2 keeps and extends the headers of a trusted proxy', async () => {
    const { browser, received } = await recorded(ANSWER, { WAVEHALL_TRUSTED_PROXIES: '127.0.0.0/8' });
    const proxyHeaders = [
      'X-Forwarded-For: 192.0.2.7',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: example.com',
    ];
    browser.write(`${[...HEAD, ...proxyHeaders].join('\r\n')}\r\n\r\n`);
    await once(browser, 'data');
    expect(received()).toContain('X-Forwarded-For: 192.0.2.7, 127.0.0.1\r\n');
    expect(received()).toContain('X-Forwarded-Proto: https\r\n');
    expect(received()).toContain('X-Forwarded-Host: example.com\r\n');
  });

  test('11.2 forwards the answer and every byte after it unchanged, both ways, also bytes that arrive together with a head', async () => {
    const { browser, sockets, received } = await recorded(`${ANSWER}\u0081\u0002hi`);
    const answers: Buffer[] = [];
    browser.on('data', (chunk: Buffer) => answers.push(chunk));
    browser.write(`${HEAD.join('\r\n')}\r\n\r\nEARLY`);
    await waitFor(() => expect(received()).toContain('\r\n\r\nEARLY'));
    const [up, down] = [randomBytes(3_000_000), randomBytes(3_000_000)];
    browser.write(up);
    sockets[0]?.write(down);
    const given = () => Buffer.concat(answers);
    await waitFor(() => {
      expect(received().length).toBeGreaterThan(up.length);
      expect(given().length).toBeGreaterThan(down.length);
    });
    const start = Buffer.from(`${ANSWER}\u0081\u0002hi`);
    await waitFor(() => expect(given().length).toBe(start.length + down.length));
    expect(given().subarray(0, start.length)).toEqual(start);
    expect(given().subarray(start.length).equals(down)).toBe(true);
    expect(Buffer.from(received(), 'latin1').subarray(-up.length).equals(up)).toBe(true);
  });

  test('11.2 a slow browser slows the upstream down and does not fill this server’s memory', async () => {
    const { browser, sockets } = await recorded(ANSWER);
    browser.write(`${HEAD.join('\r\n')}\r\n\r\n`);
    await once(browser, 'data');
    browser.pause();
    const chunk = Buffer.alloc(1024 * 1024);
    let isWritable = true;
    for (let sent = 0; sent < 64 && isWritable; sent += 1) {
      isWritable = sockets[0]!.write(chunk) || (await drained(sockets[0]!));
    }
    expect(isWritable).toBe(false);
  });

  test('11.2 forwards the end of either socket', async () => {
    const one = await recorded(ANSWER);
    one.browser.write(`${HEAD.join('\r\n')}\r\n\r\n`);
    await once(one.browser, 'data');
    one.sockets[0]?.end('bye');
    const [last] = (await once(one.browser, 'data')) as [Buffer];
    expect(last.toString()).toBe('bye');
    await once(one.browser, 'end');

    const upstreamServer = await recorded(ANSWER);
    upstreamServer.browser.write(`${HEAD.join('\r\n')}\r\n\r\n`);
    await once(upstreamServer.browser, 'data');
    const closed = once(upstreamServer.sockets[0]!, 'close');
    upstreamServer.browser.destroy();
    await closed;
    await waitFor(async () => expect((await upstreamServer.frontDoor.status()).split.open.upstream).toBe(0));
  });

  test('11.2 replaces this server’s path prefix with the upstream’s', async () => {
    const upstreamServer = await startTestServer({ REVERB_SERVER_PATH: 'theirs' });
    const frontDoor = await startFrontDoor(`http://127.0.0.1:${upstreamServer.port}/theirs/`, 0, {
      REVERB_SERVER_PATH: 'ours',
    });
    for (const path of [PATH, `/ours${PATH}`]) {
      const wire = await Wire.open(frontDoor, path, withBucket(1));
      expect((await wire.first()).event).toBe('pusher:connection_established');
      await wire.close();
    }
    expect((await frontDoor.status()).split.total).toEqual({ wavehall: 0, upstream: 2 });
  });

  test('11.2 verifies the upstream’s certificate, and serves the browser itself, with a warning, when it is not trusted', async () => {
    const tls = selfSigned();
    onTestFinished(() => tls.remove());
    const upstreamServer = await startTestServer({
      WAVEHALL_TLS_CERT: tls.certificate,
      WAVEHALL_TLS_KEY: tls.key,
    });
    const url = `https://localhost:${upstreamServer.port}`;
    const trusting = await startFrontDoor(url, 0, { WAVEHALL_CUTOVER_TLS_CA: tls.certificate });
    expect(await sideOf(trusting, withBucket(1))).toBe('upstream');
    const careless = await startFrontDoor(url, 0, { WAVEHALL_CUTOVER_TLS_VERIFY: 'false' });
    expect(await sideOf(careless, withBucket(1))).toBe('upstream');
    const careful = await startFrontDoor(url, 0);
    expect(await sideOf(careful, withBucket(1))).toBe('wavehall');
    expect(warningsOf(careful)).toMatch(/WAVEHALL_CUTOVER_UPSTREAM.*SELF_SIGNED/);
  });

  test('11.2 sends the upstream’s own host name over TLS', async () => {
    const tls = selfSigned();
    onTestFinished(() => tls.remove());
    const received: string[] = [];
    const server = createTlsServer(
      { cert: readFileSync(tls.certificate), key: readFileSync(tls.key) },
      (socket) => {
        socket.on('error', () => undefined);
        socket.on('data', (chunk: Buffer) => {
          received.push(chunk.toString());
          socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
        });
      },
    );
    const { port } = await startTcpServer(() => undefined, server);
    const frontDoor = await startFrontDoor(`https://localhost:${port}`, 0, {
      WAVEHALL_CUTOVER_TLS_VERIFY: 'false',
    });
    await expect(Wire.open(frontDoor, `${PATH}&mine=1`, withBucket(1))).rejects.toThrow('403');
    const mine = received.find((text) => text.includes('mine=1'));
    expect(mine).toContain(`Host: localhost:${port}\r\n`);
    expect(mine).toContain(`X-Forwarded-Host: 127.0.0.1:${frontDoor.port}\r\n`);
  });
});

const warningsOf = ({ logger }: RunningServer): string => JSON.stringify(logger.warnings);

const drained = (socket: Socket): Promise<boolean> =>
  Promise.race([
    once(socket, 'drain').then(() => true),
    new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 500)),
  ]);

/** A web server that answers with the request that it received. */
async function startWebServer() {
  const requests: { method: string; url: string; headers: Record<string, unknown>; body: string }[] = [];
  const server = createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      requests.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(418, 'Teapot', { 'X-Kept': ['a', 'b'], 'Content-Type': 'text/x' });
      response.end(`pong ${url}`);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  /** Requests without those of the bridge, and without the front door's check that the upstream is not itself. */
  const proxied = () =>
    requests.filter(
      ({ url, headers }) => !url.startsWith('/app') && headers['x-forwarded-for'] !== undefined,
    );
  return { port: (server.address() as AddressInfo).port, requests: proxied };
}

describe('other requests', () => {
  test('11.2 are proxied with their body, and the answer is returned', async () => {
    const webServer = await startWebServer();
    const frontDoor = await startFrontDoor(webServer, 100);
    const answer = await fetch(`${frontDoor.origin}/pulse/x?y=%20z`, {
      method: 'POST',
      body: 'ünïcode',
      headers: { 'content-type': 'text/plain', 'x-mine': '1' },
    });
    expect([answer.status, answer.statusText, await answer.text()]).toEqual([
      418,
      'Teapot',
      'pong /pulse/x?y=%20z',
    ]);
    expect(answer.headers.get('x-kept')).toBe('a, b');
    expect(webServer.requests()).toEqual([
      {
        method: 'POST',
        url: '/pulse/x?y=%20z',
        body: 'ünïcode',
        headers: expect.objectContaining({
          host: `127.0.0.1:${frontDoor.port}`,
          'x-mine': '1',
          'x-forwarded-for': '127.0.0.1',
          'x-forwarded-proto': 'http',
        }),
      },
    ]);
  });

  test.each(['xhr_streaming', 'xhr_polling'] as const)(
    '11.2 clients over %s stay at Wavehall, whatever the percentage is and becomes',
    async (transport) => {
      const webServer = await startWebServer();
      const frontDoor = await startFrontDoor(webServer, 0);
      const wire = await Wire.open({ ...frontDoor, transport }, `/pusher/app/${frontDoor.key}?protocol=7`);
      await wire.next('pusher:connection_established');
      for (const percent of [100, 0]) {
        const body = JSON.stringify({ percent, move: true, force: true });
        expect((await frontDoor.admin('/cutover', { method: 'PUT', body })).status).toBe(200);
        wire.send({ event: 'pusher:ping', data: {} });
        await wire.next('pusher:pong');
      }
      expect((await fetch(`${frontDoor.origin}/pusher/app/x/1/abcdefgh/jsonp`)).status).toBe(404);
      expect(webServer.requests()).toEqual([]);
      wire.drop();
    },
  );

  test('11.2 /up, /ready, /live, /apps and /admin are answered by Wavehall', async () => {
    const webServer = await startWebServer();
    const frontDoor = await startFrontDoor(webServer, 0, { WAVEHALL_ADMIN_TOKEN: '' });
    const statusOf = async (path: string) => (await fetch(`${frontDoor.origin}${path}`)).status;
    expect(
      await Promise.all(
        ['/up', '/ready', '/live', '/apps/x/events', '/apps/y', '/admin/cutover'].map(statusOf),
      ),
    ).toEqual([200, 200, 200, 405, 404, 404]);
    expect(webServer.requests()).toEqual([]);
  });

  test('11.2 are answered with 502 and the name of the setting while the upstream is down', async () => {
    const frontDoor = await startFrontDoor(`http://127.0.0.1:${await freePort()}`, 100);
    const answer = await fetch(`${frontDoor.origin}/pulse`);
    expect(answer.status).toBe(502);
    expect(await answer.text()).toBe(
      'The upstream (WAVEHALL_CUTOVER_UPSTREAM) cannot be reached: ECONNREFUSED.',
    );
  });

  test('11.2 are answered by Wavehall with WAVEHALL_CUTOVER_PROXY_HTTP=off', async () => {
    const webServer = await startWebServer();
    const frontDoor = await startFrontDoor(webServer, 0, { WAVEHALL_CUTOVER_PROXY_HTTP: 'off' });
    expect((await fetch(`${frontDoor.origin}/pulse`)).status).toBe(404);
    expect(webServer.requests()).toEqual([]);
  });
});

describe('failover', () => {
  test('11.3 serves every browser itself while the upstream is down, with a warning that names the setting', async () => {
    const frontDoor = await startFrontDoor(`http://127.0.0.1:${await freePort()}`, 0);
    expect(await sideOf(frontDoor, withBucket(1))).toBe('wavehall');
    const { split } = await frontDoor.status();
    expect([split.total, split.failovers]).toEqual([
      { wavehall: 1, upstream: 0 },
      { wavehall: 1, upstream: 0 },
    ]);
    expect(warningsOf(frontDoor)).toMatch(/WAVEHALL_CUTOVER_UPSTREAM.*ECONNREFUSED/);
    expect((await publisher(frontDoor).get('/channels')).status).toBe(200);
  });

  test.each([
    { what: '5xx', answer: 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n' },
    { what: 'no HTTP', answer: 'x'.repeat(20_000) },
    { what: 'nothing', answer: '' },
  ])('11.3 serves the browser itself when the upstream answers with $what', async ({ answer }) => {
    const upstream = await startTcpServer((socket) => socket.once('data', () => socket.end(answer)));
    const frontDoor = await startFrontDoor(upstream, 0);
    expect(await sideOf(frontDoor, withBucket(1))).toBe('wavehall');
  });

  test('11.3 serves the browser itself when the upstream accepts connections and never answers', async () => {
    const frontDoor = await startFrontDoor(await startTcpServer(() => undefined), 0);
    const wire = await Wire.open(frontDoor, PATH, withBucket(1));
    expect((await wire.first()).event).toBe('pusher:connection_established');
    await wire.close();
  });

  test('11.3 forwards the upstream’s own refusal', async () => {
    const upstream = await startTcpServer((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nno!\n')),
    );
    const frontDoor = await startFrontDoor(upstream, 0);
    await expect(Wire.open(frontDoor, PATH, withBucket(1))).rejects.toThrow('HTTP 403: no!');
  });

  test('11.3 proxies to the upstream while this server is not ready', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const frontDoor = await startFrontDoor(await startTestServer(), 100, {
      REVERB_SCALING_ENABLED: 'true',
      REDIS_PORT: String(redis.port),
    });
    expect(await sideOf(frontDoor, withBucket(1))).toBe('wavehall');
    await redis.kill('SIGKILL');
    await waitFor(async () => expect((await fetch(`${frontDoor.origin}/ready`)).status).toBe(503));
    expect(await sideOf(frontDoor, withBucket(1))).toBe('upstream');
    expect((await frontDoor.status()).split.failovers).toEqual({ wavehall: 0, upstream: 1 });
  });

  test('11.17 serves the browser itself, with a warning, when the upstream is this server', async () => {
    const port = await freePort();
    const frontDoor = await startFrontDoor({ port }, 0, { REVERB_SERVER_PORT: String(port) });
    expect(await sideOf(frontDoor, withBucket(1))).toBe('wavehall');
    expect((await fetch(`${frontDoor.origin}/pulse`)).status).toBe(508);
    expect(warningsOf(frontDoor)).toMatch(/WAVEHALL_CUTOVER_UPSTREAM: expected the address of the upstream/);
    const wire = await Wire.open(frontDoor, PATH, withBucket(1));
    await wire.first();
    wire.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
    await wire.next('pusher_internal:subscription_succeeded');
    const event = { name: 'e', channel: 'orders', data: '1' };
    expect((await publisher(frontDoor).post('/events', event)).status).toBe(200);
    await wire.next('e');
    await wire.settle();
    expect(wire.texts.filter((text) => text.includes('"e"'))).toHaveLength(1);
    await wire.close();
  });
});

test('2.13 a shutdown ends proxied sockets as well', async () => {
  const upstreamServer = await startTestServer();
  const frontDoor = await startFrontDoor(upstreamServer, 50);
  const [onWavehall, onUpstream] = [
    await Wire.open(frontDoor, PATH, withBucket(1)),
    await Wire.open(frontDoor, PATH, withBucket(9999)),
  ];
  await Promise.all([onWavehall.first(), onUpstream.first()]);
  await frontDoor.server.stop();
  expect((await onWavehall.closing()).code).toBe(4200);
  expect((await onUpstream.closing()).code).toBe(1006);
  await waitFor(() => expect(upstreamServer.server.connections()).toBe(0));
});

describe('moving', () => {
  test('11.4 with move, sockets of the changed side are ended so that browsers reconnect: Wavehall’s with 4200, proxied ones without a close frame', async () => {
    const frontDoor = await startFrontDoor(await startTestServer(), 50);
    const onWavehall = await Wire.open(frontDoor, PATH, withBucket(1));
    const onUpstream = await Wire.open(frontDoor, PATH, withBucket(9999));
    const lowestBucket = await Wire.open(frontDoor, PATH, withBucket(0));
    await Promise.all([onWavehall.first(), onUpstream.first(), lowestBucket.first()]);
    const set = (percent: number, move?: boolean) =>
      frontDoor.admin('/cutover', { method: 'PUT', body: JSON.stringify({ percent, move }) });

    await set(100);
    await onWavehall.settle();
    expect([onUpstream.ended, onWavehall.ended]).toEqual([undefined, undefined]);
    await set(100, true);
    expect((await onUpstream.closing()).code).toBe(1006);
    await set(0.02, true);
    await lowestBucket.settle();
    expect(onWavehall.ended).toBeUndefined();
    await set(0.01, true);
    expect((await onWavehall.closing()).code).toBe(4200);
    await lowestBucket.close();
  });

  test('11.4 a rollback moves each connection of Wavehall once', async () => {
    const frontDoor = await startFrontDoor(await startTestServer(), 100);
    const wire = await Wire.open(frontDoor, PATH, withBucket(1));
    await wire.first();
    await frontDoor.admin('/cutover/rollback', { method: 'POST' });
    expect((await wire.closing()).code).toBe(4200);
    expect(await sideOf(frontDoor, withBucket(1))).toBe('upstream');
  });
});
