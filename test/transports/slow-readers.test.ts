/** Real sockets that read slowly, or not at all, against the real command, with and without TLS. */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { describe, expect, test, type TestContext } from 'vitest';
import { appAt } from '../support/app.ts';
import { temporaryFolder } from '../cli/command.ts';
import { HonestClient } from '../hostile/honest-client.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { eventually } from '../support/wire.ts';
import { signedPath } from '../support/wire-http.ts';
import { Tcp, textFrame, upgradeText } from '../support/wire-tcp.ts';
import { type CertificateFiles, makeCertificate } from './certificate.ts';
import { sleep } from '../../src/core/util/time.ts';

const MEGABYTE = 1_000_000;
/** More than the kernel takes at once on both sides of a loopback. */
const EVENT_BYTES = 9 * MEGABYTE;

/** A server that ends with its test: the tests of this file run side by side. */
async function start({ onTestFinished }: TestContext, env: Record<string, string>): Promise<TestServer> {
  const server = await startServer({ WAVEHALL_ADMIN_TOKEN: 'token', ...env });
  onTestFinished(() => server.close());
  return server;
}

function certificate({ onTestFinished }: TestContext): CertificateFiles {
  const folder = temporaryFolder(onTestFinished);
  const files = { cert: join(folder, 'a.crt'), key: join(folder, 'a.key') };
  makeCertificate(files, 'slow');
  return files;
}

/** A client that is subscribed to `news`, and reads only on request. */
async function subscriber(
  { onTestFinished }: TestContext,
  { port }: TestServer,
  tls: CertificateFiles | undefined,
): Promise<Socket> {
  const socket = open(port, tls);
  onTestFinished(() => void socket.destroy());
  socket.write(upgradeText('/app/app-key?protocol=7'));
  socket.write(textFrame({ event: 'pusher:subscribe', data: { channel: 'news' } }));
  let received = '';
  while (!received.includes('subscription_succeeded')) received += String(await portion(socket, 1));
  return socket;
}

/** Resolves when there is something to read, or the end. */
const change = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      for (const event of ['readable', 'end', 'close']) socket.off(event, done);
      resolve();
    };
    for (const event of ['readable', 'end', 'close']) socket.on(event, done);
  });

/** Takes at least so many bytes, or all that there are until the connection ends. */
async function portion(socket: Socket, bytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let taken = 0; taken < bytes && !socket.destroyed && !socket.readableEnded;) {
    const part = socket.read() as Buffer | null;
    if (part === null) await change(socket);
    else taken += parts.push(part) && part.length;
  }
  return Buffer.concat(parts);
}

async function publish(server: TestServer, tls: CertificateFiles | undefined, data: string): Promise<void> {
  const body = JSON.stringify({ name: 'event', channel: 'news', data });
  const path = signedPath(appAt(server), 'POST', '/apps/app-id/events', [], body);
  await ask(server, tls, `POST ${path} HTTP/1.1\r\nContent-Type: application/json`, body);
}

/** Slow readers that were cut. */
async function refused(server: TestServer, tls?: CertificateFiles): Promise<number> {
  const metrics = await ask(server, tls, 'GET /admin/metrics HTTP/1.1\r\nAuthorization: Bearer token');
  return Number(/refusals_total\{reason="slow_reader"\} (\d+)/.exec(metrics)?.[1] ?? 0);
}

/** One request, and its whole answer. */
async function ask(
  { port }: TestServer,
  tls: CertificateFiles | undefined,
  head: string,
  body = '',
): Promise<string> {
  const socket = open(port, tls);
  const framing = `Host: localhost\r\nConnection: close\r\nContent-Length: ${body.length}`;
  socket.write(`${head}\r\n${framing}\r\n\r\n${body}`);
  const answer = String(await portion(socket, Infinity));
  socket.destroy();
  expect(answer).toMatch(/^HTTP\/1\.1 200/);
  return answer;
}

const open = (port: number, tls: CertificateFiles | undefined): Socket => {
  const socket =
    tls === undefined
      ? connect(port, '127.0.0.1')
      : connectTls({ port, host: '127.0.0.1', ca: readFileSync(tls.cert) });
  return socket.on('error', () => undefined);
};

const startForLarge = (context: TestContext, tls: CertificateFiles | undefined): Promise<TestServer> =>
  start(context, {
    REVERB_MAX_REQUEST_SIZE: `${EVENT_BYTES + 1000}`,
    WAVEHALL_STALL_SECONDS: '3',
    ...(tls && { WAVEHALL_TLS_CERT: tls.cert, WAVEHALL_TLS_KEY: tls.key }),
  });

describe.concurrent.each([
  ['without TLS', () => undefined],
  ['over TLS', certificate],
])('%s', (_name, files) => {
  test('2.16 keeps a reader that takes 1 MB of one large frame every second, beyond the stall time', async (context) => {
    const tls = files(context);
    const server = await startForLarge(context, tls);
    const socket = await subscriber(context, server, tls);
    await publish(server, tls, 'x'.repeat(EVENT_BYTES));
    const startedAtMs = Date.now();
    let taken = 0;
    let end = '';
    for (let small = 1; taken < EVENT_BYTES && !socket.destroyed; small += 1) {
      await publish(server, tls, `small-${small};`);
      const part = await portion(socket, Math.min(MEGABYTE, EVENT_BYTES - taken));
      taken += part.length;
      end = part.toString('latin1');
      await sleep(1000);
    }
    expect(taken).toBeGreaterThanOrEqual(EVENT_BYTES);
    expect(Date.now() - startedAtMs).toBeGreaterThan(6_000);
    await publish(server, tls, 'the-last');
    while (!end.includes('the-last') && !socket.destroyed)
      end += (await portion(socket, 1)).toString('latin1');
    expect(end).toContain('the-last');
    const smalls = Array.from({ length: 5 }, (_, at) => `small-${at + 1};`);
    expect(end.match(/small-\d;/g)?.slice(0, 5)).toEqual(smalls);
    expect(await refused(server, tls)).toBe(0);
  }, 120_000);

  test('2.16 disconnects a reader that takes nothing after the stall time, not before', async (context) => {
    const tls = files(context);
    const server = await startForLarge(context, tls);
    const socket = await subscriber(context, server, tls);
    await publish(server, tls, 'x'.repeat(EVENT_BYTES));
    const startedAtMs = Date.now();
    await eventually(() => server.output().includes('slow_reader'), 'the end', 15_000);
    expect(Date.now() - startedAtMs).toBeGreaterThan(2_900);
    await portion(socket, Infinity);
    expect(socket.destroyed || socket.readableEnded).toBe(true);
  }, 60_000);
});

test.concurrent(
  '2.16 disconnects ten sockets with tens of thousands of frames each within a second for other clients',
  async (context) => {
    const server = await start(context, {
      WAVEHALL_MAX_MESSAGES_PER_SECOND: '0',
      WAVEHALL_SOFT_BUFFER_SIZE: `${2 * MEGABYTE}`,
      WAVEHALL_MAX_BUFFER_SIZE: `${100 * MEGABYTE}`,
      WAVEHALL_MAX_BUFFER_TOTAL: `${1000 * MEGABYTE}`,
      WAVEHALL_STALL_SECONDS: '25',
    });
    const channel = '#'.repeat(190);
    const refusedNames = Buffer.concat(
      Array.from({ length: 1000 }, () => textFrame({ event: 'pusher:subscribe', data: { channel } })),
    );
    const first = await Tcp.upgraded(server, '/app/app-key?protocol=7');
    context.onTestFinished(() => first.destroy());
    await first.message();
    const clients: Tcp[] = [];
    for (let count = 0; count < 10; count += 1)
      clients.push(await Tcp.upgraded(server, '/app/app-key?protocol=7'));
    for (const tcp of clients) {
      context.onTestFinished(() => tcp.destroy());
      tcp.socket.pause();
      for (let sent = 0; sent < 30; sent += 1) tcp.write(refusedNames);
    }
    // Its answer comes when those that were sent before have been worked off.
    first.write(textFrame({ event: 'pusher:ping', data: {} }));
    await first.message(60_000);
    expect(await refused(server)).toBe(0);
    const honestClient = await HonestClient.open(appAt(server));
    await eventually(async () => (await refused(server)) === 10, 'ten cuts', 60_000);
    await sleep(500);
    await honestClient.close(5_000);
    expect(honestClient.wasClosed).toBe(false);
    expect(honestClient.longestPingMs).toBeLessThan(1_000);
  },
  180_000,
);
