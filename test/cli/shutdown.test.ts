import { describe, expect, test } from 'vitest';
import { appAt } from '../support/app.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { eventually, Wire } from '../support/wire.ts';
import { signedPath } from '../support/wire-http.ts';
import { Tcp, textFrame, upgradeText } from '../support/wire-tcp.ts';

const PATH = '/app/app-key?protocol=7';
const CLOSE_REASON = 'Server is closing. Please reconnect shortly.';
const CLOSING = { event: 'pusher:error', data: { code: 4200, message: CLOSE_REASON } };
const REFUSED = { event: 'pusher:error', data: { code: 4100, message: CLOSE_REASON } };

const open = async (server: TestServer, count: number): Promise<Wire[]> => {
  const wires = await Promise.all(Array.from({ length: count }, () => Wire.open(server, PATH)));
  await Promise.all(wires.map((wire) => wire.next('pusher:connection_established')));
  return wires;
};

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  test(`2.13 ${signal}: each socket receives error 4200 and close 4200, and the exit code is 0`, async () => {
    const server = await startServer();
    const wires = await open(server, 20);
    server.kill(signal);
    const ends = await Promise.all(wires.map((wire) => wire.rest()));
    for (const { frames, closing } of ends) {
      expect(frames).toEqual([CLOSING]);
      expect(closing).toEqual({ code: 4200, reason: CLOSE_REASON });
    }
    expect(await server.exited).toBe(0);
  });
});

describe('a shutdown', () => {
  test('2.13 ends at once when no client is connected', async () => {
    const server = await startServer({ WAVEHALL_DRAIN_SECONDS: '600' });
    server.kill();
    expect(await server.exited).toBe(0);
  });

  test('2.13 does not wait for a socket that never answers the close frame', async () => {
    const server = await startServer();
    const unresponsive = await Tcp.upgraded(server, PATH);
    await unresponsive.message();
    server.kill();
    expect(await unresponsive.message()).toEqual(CLOSING);
    expect(await server.exited).toBe(0);
    unresponsive.destroy();
  });

  test('2.13 tells new clients to try again after a second, also on a connection that is already open', async () => {
    const server = await startServer({ WAVEHALL_DRAIN_SECONDS: '600' });
    // Enough for several steps of the drain, so that it is still running when the new clients connect.
    const wires = await open(server, 150);
    const partial = await Tcp.open(server);
    const request = upgradeText(PATH);
    partial.write(request.slice(0, 60));
    // After this answer the server has also read what was written on the other connection before.
    await wires[0]!.settle();
    server.kill();
    await Promise.race(wires.map((wire) => wire.next('pusher:error')));
    const { frames, closing } = await (await Wire.open(server, PATH)).rest();
    expect([frames, closing]).toEqual([[REFUSED], { code: 4100, reason: CLOSE_REASON }]);
    partial.write(request.slice(60));
    expect(await partial.head()).toMatch(/^HTTP\/1\.1 101 /);
    expect(await partial.message()).toEqual(REFUSED);
    expect(await partial.closing()).toEqual({ code: 4100, reason: CLOSE_REASON });
    partial.destroy();
    const codes = await Promise.all(wires.map(async (wire) => (await wire.closing()).code));
    expect(codes).toEqual(codes.map(() => 4200));
    expect(await server.exited).toBe(0);
  });

  test('2.13 answers a request in flight', async () => {
    const server = await startServer();
    const [wire] = (await open(server, 1)) as [Wire];
    const app = appAt(server);
    const body = JSON.stringify({ name: 'last', channel: 'a', data: '{}' });
    const path = signedPath(app, 'POST', '/apps/app-id/events', [], body);
    const connection = await Tcp.open(server);
    connection.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
    );
    expect(await connection.head()).toBe('HTTP/1.1 100 Continue');
    connection.write(body.slice(0, 10));
    server.kill();
    await wire.next('pusher:error');
    connection.write(body.slice(10));
    expect(await connection.head()).toMatch(/^HTTP\/1\.1 200 /);
    expect(await server.exited).toBe(0);
    connection.destroy();
  });

  test('2.13 does not wait for a request that never ends', async () => {
    const server = await startServer();
    const connection = await Tcp.open(server);
    connection.write(
      'POST /apps/app-id/events HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n',
    );
    await connection.head();
    server.kill();
    expect(await server.exited).toBe(0);
    connection.destroy();
  });

  test('2.13 delivers what was sent to a socket before its error 4200', async () => {
    const server = await startServer();
    const [wire] = (await open(server, 1)) as [Wire];
    wire.send({ event: 'pusher:subscribe', data: { channel: 'a' } });
    await wire.next('pusher_internal:subscription_succeeded');
    wire.send({ event: 'pusher:ping', data: {} });
    await wire.until(() => wire.pending.length > 0);
    server.kill();
    const { frames } = await wire.rest();
    expect(frames.map(({ event }) => event)).toEqual(['pusher:pong', 'pusher:error']);
  });
});

describe('the drain', () => {
  /** Takes about 4 seconds at the lowest rate of the drain: 50 sockets each 100 ms. */
  const MANY = 2000;

  test('2.13 closes sockets one after another, and the rest at once after a second signal', async () => {
    const server = await startServer({ WAVEHALL_DRAIN_SECONDS: '600' });
    const sockets: Tcp[] = [];
    for (let group = 0; group < MANY / 100; group += 1) {
      sockets.push(...(await Promise.all(Array.from({ length: 100 }, () => Tcp.upgraded(server, PATH)))));
    }
    await Promise.all(sockets.map((socket) => socket.message()));
    const closed = () => sockets.filter((socket) => socket.received.includes('4200')).length;
    server.kill();
    await eventually(() => closed() >= 50, 'the first group');
    expect(closed()).toBeLessThan(MANY / 2);
    server.kill();
    await eventually(
      () => closed() === MANY,
      () => `error 4200 at all ${MANY} sockets, so far at ${closed()}`,
      // The drain would take 600 seconds at its rate; a loaded machine needs some seconds to read from all sockets.
      10_000,
    );
    expect(await server.exited).toBe(0);
    for (const socket of sockets) socket.destroy();
  });

  test('2.13 closes all sockets at once when its time is 0', async () => {
    const server = await startServer({ WAVEHALL_DRAIN_SECONDS: '0' });
    const wires = await open(server, 120);
    server.kill();
    const codes = await Promise.all(wires.map(async (wire) => (await wire.closing()).code));
    expect(codes).toEqual(codes.map(() => 4200));
    expect(await server.exited).toBe(0);
  });

  test('2.13 serves the remaining sockets meanwhile', async () => {
    const server = await startServer({ WAVEHALL_DRAIN_SECONDS: '600' });
    const sockets = await Promise.all(Array.from({ length: 600 }, () => Tcp.upgraded(server, PATH)));
    await Promise.all(sockets.map((socket) => socket.message()));
    server.kill();
    await eventually(
      () => sockets.some((socket) => socket.received.includes('4200')),
      'the first error 4200',
    );
    const remaining = sockets.filter((socket) => !socket.received.includes('4200'));
    expect(remaining.length).toBeGreaterThan(50);
    for (const socket of remaining) socket.write(textFrame({ event: 'pusher:ping', data: {} }));
    await eventually(() => remaining.some((socket) => socket.received.includes('pusher:pong')), 'a pong');
    server.kill();
    expect(await server.exited).toBe(0);
    for (const socket of sockets) socket.destroy();
  });
});
