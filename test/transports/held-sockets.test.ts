/** Limits of sockets before they become clients and after they were clients: each at n and at n + 1. */
import { readdirSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { describe, expect, test, type TestContext } from 'vitest';
import { join } from 'node:path';
import { temporaryFolder } from '../cli/command.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { eventually } from '../support/wire.ts';
import { frameBytes, OPCODE, Tcp, textFrame, upgradeText } from '../support/wire-tcp.ts';
import { makeCertificate } from './certificate.ts';
import { sleep } from '../../src/core/util/time.ts';

const TOKEN = 'a-token-for-tests';
const PATH = '/app/app-key?protocol=7';
const UP = 'GET /up HTTP/1.1\r\nHost: a\r\n\r\n';

/** A server that ends with its test: the tests of this file run side by side. */
async function start(
  { onTestFinished }: TestContext,
  env: Record<string, string>,
  options?: Parameters<typeof startServer>[3],
): Promise<TestServer> {
  const server = await startServer({ WAVEHALL_ADMIN_TOKEN: TOKEN, ...env }, [], ['start'], options);
  onTestFinished(() => server.close());
  return server;
}

async function open({ onTestFinished }: TestContext, server: TestServer): Promise<Tcp> {
  const tcp = await Tcp.open(server);
  onTestFinished(() => tcp.destroy());
  return tcp;
}

/** Asks over a connection that stays open, and takes the whole answer. */
async function ask(tcp: Tcp, request = UP): Promise<string> {
  tcp.write(request);
  const head = await tcp.head(10_000);
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
  await eventually(() => tcp.received.length >= length, 'the body', 10_000);
  const body = tcp.received.toString();
  return `${head}\r\n\r\n${body}`;
}

/** Count of a refusal reason, requested over a new connection or over the given one. */
async function counted(context: TestContext, server: TestServer, reason: string, by?: Tcp): Promise<number> {
  const request = `GET /admin/metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`;
  const text = await ask(by ?? (await open(context, server)), request);
  const found = new RegExp(`wavehall_refusals_total\\{[^}]*reason="${reason}"[^}]*\\} (\\d+)`).exec(text);
  return Number(found?.[1] ?? 0);
}

describe('clients that close', () => {
  interface Leaver {
    readonly socket: net.Socket;
    isCut: boolean;
  }

  /** Makes the server end its side, and keeps its own open. */
  async function leaver(
    { onTestFinished }: TestContext,
    server: TestServer,
    words: string | Buffer,
    until: string,
  ): Promise<Leaver> {
    const socket = net.connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    const one: Leaver = { socket, isCut: false };
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', () => undefined).on('close', () => (one.isCut = true));
    onTestFinished(() => void socket.destroy());
    socket.write(words);
    await eventually(() => text.includes(until), until);
    return one;
  }
  const refused = (context: TestContext, server: TestServer) =>
    leaver(context, server, upgradeText('/x'), 'Not found.');
  const closed = (context: TestContext, server: TestServer) =>
    leaver(
      context,
      server,
      Buffer.concat([Buffer.from(upgradeText(PATH)), textFrame('x'.repeat(20_000))]),
      'Maximum message size',
    );
  const filesOf = ({ pid }: TestServer): number => readdirSync(`/proc/${pid}/fd`).length;
  /** A byte to a socket that has ended brings its reset. */
  const cutOf = (leavers: readonly Leaver[]): number => {
    for (const { socket, isCut } of leavers) if (!isCut) socket.write('x');
    return leavers.filter(({ isCut }) => isCut).length;
  };

  test.concurrent.for([
    ['WAVEHALL_MAX_LINGERING=3', { WAVEHALL_MAX_LINGERING: '3' }, 3],
    ['a twentieth of WAVEHALL_MAX_CONNECTIONS=240', { WAVEHALL_MAX_CONNECTIONS: '240' }, 12],
    ['8, where a twentieth of WAVEHALL_MAX_CONNECTIONS is less', { WAVEHALL_MAX_CONNECTIONS: '40' }, 8],
  ] as const)(
    '2.15 %s: keeps this number open, and closes the oldest for one more',
    { timeout: 30_000 },
    async ([, env, most], context) => {
      const server = await start(context, { ...env, WAVEHALL_LINGER_SECONDS: '3600' });
      const files = filesOf(server);
      const leavers: Leaver[] = [];
      for (let at = 0; at < most; at += 1)
        leavers.push(await (at % 2 === 0 ? refused(context, server) : closed(context, server)));
      expect(cutOf(leavers)).toBe(0);
      expect(await ask(await open(context, server))).toContain('200 OK');
      expect([cutOf(leavers), filesOf(server)]).toEqual([0, files + most + 1]);
      for (const more of [1, 2]) {
        leavers.push(await (more === 1 ? closed(context, server) : refused(context, server)));
        await eventually(() => cutOf(leavers) === more, `${more} of the oldest are ended`);
        expect(leavers.map(({ isCut }) => isCut)).toEqual(leavers.map((_, at) => at < more));
        expect(filesOf(server)).toBe(files + most + 1);
      }
    },
  );
});

describe('reserved files', () => {
  test.concurrent.for([
    ['are kept for the server: 100 of 256 leave room for 156 sockets', '100', 156],
    ['are half of all at most: 250 of 256 leave room for 128 sockets', '250', 128],
  ] as const)(
    '8.11 WAVEHALL_RESERVED_FILES %s, and closes one more at once',
    { timeout: 60_000 },
    async ([, reserved, most], context) => {
      const env = { WAVEHALL_RESERVED_FILES: reserved, WAVEHALL_REQUEST_TIMEOUT: '3600' };
      const server = await start(context, env, { openFiles: 256 });
      const sockets: Tcp[] = [];
      for (let at = 0; at < most; at += 1) sockets.push(await open(context, server));
      const [first, last] = [sockets[0]!, sockets.at(-1)!];
      expect(await ask(last)).toContain('200 OK');
      expect(sockets.filter(({ isEnded }) => isEnded)).toHaveLength(0);
      const more = await open(context, server);
      await more.end();
      expect(await counted(context, server, 'sockets_full', last)).toBe(1);
      expect(sockets.filter(({ isEnded }) => isEnded)).toHaveLength(0);
      first.destroy();
      await eventually(async () => {
        const next = await open(context, server);
        next.write(UP);
        return (await next.head()).includes('200 OK');
      }, 'a place is free');
    },
  );
});

/** Ended by the server, not sooner than it may be and not much later; the check for it runs every two seconds. */
async function endsAfter(tcp: Tcp, seconds: number): Promise<string> {
  const since = performance.now();
  const head = await tcp.head(15_000);
  await tcp.end(15_000);
  const tookMs = performance.now() - since;
  expect(tookMs).toBeGreaterThan(seconds * 1000 - 200);
  expect(tookMs).toBeLessThan(seconds * 1000 + 8_000);
  return head.split('\r\n', 1)[0] ?? '';
}

const aSecond = () => sleep(1000);

describe('time to arrive: WAVEHALL_REQUEST_TIMEOUT', () => {
  const TWO = { WAVEHALL_REQUEST_TIMEOUT: '2' };
  const POST = 'POST /apps/app-id/events HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n{';

  test.concurrent.for([
    ['head', UP.slice(0, 20), UP.slice(20), '200 OK'],
    ['body', POST, '"":', '401 Unauthorized'],
  ] as const)('2.1 answers a request whose %s takes half of it', async ([, first, rest, status], context) => {
    const server = await start(context, TWO);
    const tcp = await open(context, server);
    tcp.write(first);
    await aSecond();
    tcp.write(rest);
    expect(await tcp.head()).toContain(status);
    expect(await counted(context, server, 'http_malformed')).toBe(0);
  });

  test.concurrent.for([
    ['that sends nothing', ''],
    ['whose head is not whole', UP.slice(0, 20)],
    ['whose body is not whole', POST],
    ['whose upgrade is not whole', upgradeText(PATH).slice(0, 60)],
  ] as const)(
    '2.1 answers a connection %s with 408 after it, closes it and counts it',
    { timeout: 30_000 },
    async ([, bytes], context) => {
      const server = await start(context, TWO);
      const tcp = await open(context, server);
      tcp.write(bytes);
      expect(await endsAfter(tcp, 2)).toMatch(/^HTTP\/1\.1 408 /);
      expect(await counted(context, server, 'http_malformed')).toBe(1);
    },
  );

  test.concurrent(
    '2.1 completes a TLS handshake that takes half of it, and closes one that takes longer',
    async (context) => {
      const folder = temporaryFolder(context.onTestFinished);
      const files = { cert: join(folder, 'a.crt'), key: join(folder, 'a.key') };
      makeCertificate(files, 'first');
      const server = await start(context, {
        ...TWO,
        WAVEHALL_TLS_CERT: files.cert,
        WAVEHALL_TLS_KEY: files.key,
      });
      const slow = await open(context, server);
      await aSecond();
      const secure = tls.connect({ socket: slow.socket, rejectUnauthorized: false });
      secure.on('error', () => undefined);
      context.onTestFinished(() => void secure.destroy());
      await new Promise((resolve) => secure.once('secureConnect', resolve));
      const silent = await open(context, server);
      expect(await endsAfter(silent, 2)).toBe('');
    },
    30_000,
  );
});

test.concurrent.for(['1', '300', '301', '3600'])(
  '2.1 accepts a WAVEHALL_REQUEST_TIMEOUT of %s seconds',
  async (seconds, context) => {
    const server = await start(context, { WAVEHALL_REQUEST_TIMEOUT: seconds });
    expect(await ask(await open(context, server))).toContain('200 OK');
  },
);

test.concurrent(
  '8.1 keeps a connection that is silent for half of WAVEHALL_KEEP_ALIVE_SECONDS, and closes it after all of it',
  async (context) => {
    const server = await start(context, { WAVEHALL_KEEP_ALIVE_SECONDS: '2' });
    const tcp = await open(context, server);
    expect(await ask(tcp)).toMatch(/200 OK[^]*\r\nKeep-Alive: timeout=2\r\n/i);
    const next = await open(context, server);
    next.write(UP);
    expect(await next.head()).toContain('200 OK');
    await aSecond();
    next.write(UP);
    await eventually(() => next.received.toString().includes('HTTP/1.1 200 OK'), 'the second answer');
    const since = performance.now();
    await next.end(15_000);
    expect(performance.now() - since).toBeGreaterThan(1_800);
    await tcp.end(15_000);
    expect(await counted(context, server, 'http_malformed')).toBe(0);
  },
  30_000,
);

describe('WAVEHALL_MAX_HEADER_SIZE', () => {
  const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
  const HANDSHAKE = { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13' };
  /** A request whose path, query, header names and values have so many bytes together. */
  const requestOf = (bytes: number, target: string, headers: Record<string, string>): string => {
    const all: Record<string, string> = { Host: 'a', ...headers, Cookie: '' };
    const used = target.length + Object.entries(all).flat().join('').length;
    all['Cookie'] = 'x'.repeat(bytes - used);
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    return `GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
  };

  test.concurrent.for([
    ['a request', '/up', {}, '200 OK'],
    ['a long query', `/up?${'x'.repeat(3000)}`, {}, '200 OK'],
    ['a handshake', PATH, { ...HANDSHAKE, 'Sec-WebSocket-Key': KEY }, '101 Switching Protocols'],
  ] as const)(
    '8.12 reads %s with n bytes, and answers n + 1 with 431',
    async ([, target, headers, status], context) => {
      for (const [env, most] of [
        [{ WAVEHALL_MAX_HEADER_SIZE: '5000' }, 5000],
        [{}, 16_384],
      ] as const) {
        const server = await start(context, env);
        const [fits, over] = [await open(context, server), await open(context, server)];
        fits.write(requestOf(most, target, headers));
        expect(await fits.head()).toContain(status);
        over.write(requestOf(most + 1, target, headers));
        expect(await over.head()).toContain('431 Request Header Fields Too Large');
        await over.end();
        expect(await counted(context, server, 'http_malformed')).toBe(1);
      }
    },
  );
});

test.concurrent(
  '8.1 reads a path segment of 1,024 characters, and answers a longer one with 400',
  async (context) => {
    const server = await start(context, {});
    const get = async (target: string): Promise<string | undefined> =>
      (await ask(await open(context, server), `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)).split(
        '\r\n',
        1,
      )[0];
    expect(await get(`/apps/app-id/channels/${'x'.repeat(1024)}`)).toContain('401');
    expect(await get(`/apps/${'x'.repeat(1024)}/channels`)).toContain('404');
    for (const target of [`/apps/app-id/channels/${'x'.repeat(1025)}`, `/apps/${'x'.repeat(1025)}/channels`])
      expect(await get(target)).toContain('400');
    expect(await counted(context, server, 'http_request')).toBe(2);
  },
);

test.concurrent(
  '8.12 reads a body that is too large for one second, then answers 413 and closes',
  async (context) => {
    const server = await start(context, { REVERB_MAX_REQUEST_SIZE: '1000' });
    const post = 'POST /apps/app-id/events HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n';
    const [sends, stays] = [await open(context, server), await open(context, server)];
    for (const tcp of [sends, stays]) tcp.write(post + 'x'.repeat(1500));
    const since = performance.now();
    await sleep(500);
    // No answer while the request may still complete.
    expect([sends.received.length, stays.received.length]).toEqual([0, 0]);
    sends.write('x'.repeat(500));
    expect(await sends.head()).toContain('413');
    expect(await stays.head()).toContain('413');
    expect(performance.now() - since).toBeGreaterThan(950);
    await stays.end();
    expect(await counted(context, server, 'http_size')).toBe(2);
  },
);

test.concurrent(
  '2.13 closes a client that does not answer the last close frame after a second',
  async (context) => {
    const server = await start(context, { WAVEHALL_DRAIN_SECONDS: '0' });
    const [answers, stays] = [await Tcp.upgraded(server, PATH), await Tcp.upgraded(server, PATH)];
    const tcps = [answers, stays];
    context.onTestFinished(() => tcps.forEach((tcp) => tcp.destroy()));
    for (const tcp of tcps)
      expect(await tcp.message()).toMatchObject({ event: 'pusher:connection_established' });
    server.kill();
    for (const tcp of tcps) expect((await tcp.closing()).code).toBe(4200);
    const since = performance.now();
    await sleep(500);
    expect([answers.isEnded, stays.isEnded]).toEqual([false, false]);
    answers.write(frameBytes({ opcode: OPCODE.close, payload: Buffer.from([0x10, 0x68]) }));
    await answers.end();
    await stays.end();
    expect(await server.exited).toBe(0);
    expect(performance.now() - since).toBeGreaterThan(900);
    expect(performance.now() - since).toBeLessThan(6000);
  },
);

test.concurrent('11.5 refuses a body of more than 4,096 bytes to the admin API', async (context) => {
  const server = await start(context, {});
  const put = async (bytes: number): Promise<string | undefined> => {
    const head = `PUT /admin/cutover HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: ${bytes}`;
    return (await ask(await open(context, server), `${head}\r\n\r\n"${'x'.repeat(bytes - 2)}"`)).split(
      '\r\n',
      1,
    )[0];
  };
  expect(await put(4096)).toContain('404');
  expect(await put(4097)).toContain('413');
});
