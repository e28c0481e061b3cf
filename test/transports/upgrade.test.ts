import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { readConfig } from '../../src/config/index.ts';
import { type Server, startServer } from '../../src/server/index.ts';
import { FakeLogger } from '../core/fakes.ts';
import { waitFor } from '../support/wait-for.ts';

const logger = new FakeLogger();
let server: Server;

beforeAll(async () => {
  const config = readConfig({
    REVERB_SERVER_HOST: '127.0.0.1',
    REVERB_SERVER_PORT: '0',
    REVERB_SERVER_PATH: '/ws/',
    WAVEHALL_DRAIN_SECONDS: '0',
  });
  server = await startServer(config, logger);
});
afterAll(() => server.stop());

const UPGRADE = [
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

const isWhole = (text: string): boolean => {
  const [head = '', body] = text.split('\r\n\r\n');
  const length = /^content-length: (\d+)$/im.exec(head)?.[1] ?? '0';
  return body !== undefined && body.length >= Number(length);
};

/** Status line, headers and body of the answer to a raw request. */
async function answer(path: string, headers: readonly string[], method = 'GET'): Promise<string> {
  const socket = connect(server.port, '127.0.0.1').on('error', () => undefined);
  socket.write(
    `${method} ${path} HTTP/1.1\r\nHost: x\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`,
  );
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    if (isWhole(text)) socket.destroy();
  });
  await once(socket, 'close');
  return text;
}

const statusOf = (text: string): string => text.slice(9, 12);

describe('upgrades', () => {
  test.each([
    '/app/app-key',
    '/app/app-key/',
    '/ws/app/app-key',
    '/ws/app/app-key/',
    '/app/nobody',
    '/app/app-key?protocol=x',
  ])('2.1 upgrades %s', async (path) => {
    expect(statusOf(await answer(path, ['Upgrade: websocket', ...UPGRADE]))).toBe('101');
  });

  test.each(['WebSocket', 'WEBSOCKET', 'websocket'])(
    '2.1 accepts Upgrade: %s, in any case',
    async (value) => {
      const text = await answer('/app/app-key', [`Upgrade: ${value}`, ...UPGRADE]);
      expect(statusOf(text)).toBe('101');
      expect(text).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    },
  );

  test.each([
    '/',
    '/app',
    '/app/',
    '/app/a/b',
    '/apps/app-id/events',
    '/up',
    '/other/app/app-key',
    '/ws/ws/app/app-key',
  ])('2.1 answers an upgrade of %s with 404', async (path) => {
    const text = await answer(path, ['Upgrade: websocket', ...UPGRADE]);
    expect(statusOf(text)).toBe('404');
    expect(text.split('\r\n\r\n')[1]).toBe('Not found.');
  });

  test.each(['h2c', 'TLS/1.0', 'websocket2', ''])('2.1 answers an upgrade to %j with 426', async (value) => {
    const text = await answer('/app/app-key', [`Upgrade: ${value}`, 'Connection: Upgrade, close']);
    expect(statusOf(text)).toBe('426');
    expect(text.toLowerCase()).toContain('\r\nupgrade: websocket\r\n');
    expect(text.toLowerCase()).toMatch(/\r\nconnection: .*upgrade/);
    expect(text).toContain('Upgrade required.');
  });

  test.each(['/app/app-key', '/app/app-key/', '/ws/app/app-key'])(
    '2.1 answers a plain GET of %s with 426',
    async (path) => {
      const text = await answer(path, ['Connection: close']);
      expect(statusOf(text)).toBe('426');
      expect(text.toLowerCase()).toContain('\r\nupgrade: websocket\r\n');
    },
  );

  test.each([
    ['no key', ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'], '400'],
    [
      'a broken key',
      ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: x'],
      '400',
    ],
    [
      'version 12',
      [
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Version: 12',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ],
      '426',
    ],
  ])('2.1 refuses a handshake with %s', async (_, headers, status) => {
    const text = await answer('/app/app-key', headers);
    expect(['400', status]).toContain(statusOf(text));
    expect(statusOf(text)).not.toBe('101');
  });

  test('2.1 selects no subprotocol and no compression', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/app/app-key`, ['pusher', 'x'], {
      perMessageDeflate: true,
    });
    const error = await once(socket, 'error').catch(() => []);
    expect(String(error[0])).toContain('subprotocol');
    const text = await answer('/app/app-key', [
      'Upgrade: websocket',
      ...UPGRADE,
      'Sec-WebSocket-Protocol: pusher',
      'Sec-WebSocket-Extensions: permessage-deflate',
    ]);
    expect(text).not.toMatch(/sec-websocket-(protocol|extensions)/i);
  });
});

/** One WebSocket that is established, with its messages. */
async function establish(path = '/app/app-key') {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`);
  const messages: string[] = [];
  socket.on('message', (data: Buffer) => messages.push(data.toString()));
  const closed = once(socket, 'close').then(([code, reason]) => ({
    code: code as number,
    reason: String(reason),
  }));
  await once(socket, 'message');
  const next = async (): Promise<string> => {
    const seen = messages.length;
    while (messages.length === seen) await once(socket, 'message');
    return messages.at(-1) ?? '';
  };
  return { socket, messages, closed, next };
}

const PING = '{"event":"pusher:ping","data":{}}';
const PONG = '{"event":"pusher:pong","data":"{}"}';
const INVALID = '{"event":"pusher:error","data":{"code":4200,"message":"Invalid message format"}}';

describe('messages', () => {
  test('1.7 reads a binary message of UTF-8 as text, and refuses any other', async () => {
    const { socket, next } = await establish();
    socket.send(Buffer.from(PING), { binary: true });
    expect(await next()).toBe(PONG);
    socket.send(Buffer.from([0x7b, 0xff, 0x7d]), { binary: true });
    expect(await next()).toBe(INVALID);
    socket.terminate();
  });

  test('2.9 answers a control ping with its payload', async () => {
    const { socket } = await establish();
    socket.ping('payload');
    const [pong] = (await once(socket, 'pong')) as [Buffer];
    expect(pong.toString()).toBe('payload');
    socket.terminate();
  });

  test('2.11 reads a message at the limit, and closes with 1009 and its reason for one byte more', async () => {
    const { socket, next, closed } = await establish();
    socket.send(PING.padEnd(10_000, ' '));
    expect(await next()).toBe(PONG);
    socket.send(PING.padEnd(10_001, ' '));
    expect(await closed).toEqual({ code: 1009, reason: 'Maximum message size exceeded' });
  });

  test('2.11 accepts a message in 64 fragments', async () => {
    const { socket, next } = await establish();
    for (let at = 0; at < 63; at += 1) socket.send(at === 0 ? PING : ' ', { fin: false });
    socket.send(' ', { fin: true });
    expect(await next()).toBe(PONG);
    socket.terminate();
  });

  test('2.11 counts the bytes of all fragments together', async () => {
    const { socket, closed } = await establish();
    for (let at = 0; at < 11; at += 1) socket.send(' '.repeat(1000), { fin: at === 10 });
    expect((await closed).code).toBe(1009);
  });

  test('3.11 removes a client that closes from its channels', async () => {
    await waitFor(() => expect(server.connections()).toBe(0));
    const { socket, closed } = await establish();
    expect(server.connections()).toBe(1);
    socket.close(1000);
    expect((await closed).code).toBe(1000);
    await waitFor(() => expect(server.connections()).toBe(0));
    expect(logger.errors).toEqual([]);
  });
});
