import { describe, expect, test } from 'vitest';
import { appAt } from '../support/app.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { eventually, Wire } from '../support/wire.ts';
import { signedPath } from '../support/wire-http.ts';
import { Tcp, textFrame, upgradeText } from '../support/wire-tcp.ts';

const PATH = '/app/app-key?protocol=7';
const GOODBYE = 'Server is closing. Please reconnect shortly.';
const CLOSING = { event: 'pusher:error', data: { code: 4200, message: GOODBYE } };

const open = async (server: TestServer, count: number): Promise<Wire[]> => {
  const wires = await Promise.all(Array.from({ length: count }, () => Wire.open(server, PATH)));
  await Promise.all(wires.map((wire) => wire.next('pusher:connection_established')));
  return wires;
};

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  test(`2.13 ${signal}: each socket gets error 4200 and close 4200, and the exit code is 0`, async () => {
    const server = await startServer();
    const wires = await open(server, 20);
    server.kill(signal);
    const ends = await Promise.all(wires.map((wire) => wire.rest()));
    for (const { frames, closing } of ends) {
      expect(frames).toEqual([CLOSING]);
      expect(closing).toEqual({ code: 4200, reason: GOODBYE });
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

  test('2.13 does not wait for a socket that never answers', async () => {
    const server = await startServer();
    const silent = await Tcp.upgraded(server, PATH);
    await silent.message();
    server.kill();
    expect(await silent.message()).toEqual(CLOSING);
    expect(await server.exited).toBe(0);
    silent.destroy();
  });

  test('2.13 accepts no new client, neither on the port nor on a connection that was open before', async () => {
    const server = await startServer({ WAVEHALL_DRAIN_SECONDS: '600' });
    // More than one step of the drain, so that the drain is still running when the new clients connect.
    const wires = await open(server, 150);
    const half = await Tcp.open(server);
    const request = upgradeText(PATH);
    half.write(request.slice(0, 60));
    // Answered, so what was written before on the other connection has been read too.
    await wires[0]!.settle();
    server.kill();
    await Promise.race(wires.map((wire) => wire.next('pusher:error')));
    await expect(Wire.open(server, PATH)).rejects.toThrow(/ECONNREFUSED|ECONNRESET/);
    half.write(request.slice(60));
    expect(await half.head()).toMatch(/^HTTP\/1\.1 101 /);
    expect(await half.message()).toEqual(CLOSING);
    expect(await half.closing()).toEqual({ code: 4200, reason: GOODBYE });
    half.destroy();
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
    const flight = await Tcp.open(server);
    flight.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
    );
    expect(await flight.head()).toBe('HTTP/1.1 100 Continue');
    flight.write(body.slice(0, 10));
    server.kill();
    await wire.next('pusher:error');
    flight.write(body.slice(10));
    expect(await flight.head()).toMatch(/^HTTP\/1\.1 200 /);
    expect(await server.exited).toBe(0);
    flight.destroy();
  });

  test('2.13 does not wait for a request that never ends', async () => {
    const server = await startServer();
    const flight = await Tcp.open(server);
    flight.write(
      'POST /apps/app-id/events HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n',
    );
    await flight.head();
    server.kill();
    expect(await server.exited).toBe(0);
    flight.destroy();
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
  /** At fifty each tenth of a second, the least, so many need about four seconds. */
  const MANY = 2000;

  test('2.13 closes sockets one after another, and the rest at once after a second signal', async () => {
    const server = await startServer({ WAVEHALL_DRAIN_SECONDS: '600' });
    const sockets: Tcp[] = [];
    for (let group = 0; group < MANY / 100; group += 1) {
      sockets.push(...(await Promise.all(Array.from({ length: 100 }, () => Tcp.upgraded(server, PATH)))));
    }
    await Promise.all(sockets.map((socket) => socket.message()));
    const goodbyes = () => sockets.filter((socket) => socket.received.includes('4200')).length;
    server.kill();
    await eventually(() => goodbyes() >= 50, 'the first group');
    expect(goodbyes()).toBeLessThan(MANY / 2);
    server.kill();
    await eventually(
      () => goodbyes() === MANY,
      () => `all goodbyes, but ${goodbyes()}`,
      // At its pace the drain would take 600 s; a busy machine needs some seconds to read from all sockets.
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

  test('2.13 serves the other sockets meanwhile', async () => {
    const server = await startServer({ WAVEHALL_DRAIN_SECONDS: '600' });
    const sockets = await Promise.all(Array.from({ length: 600 }, () => Tcp.upgraded(server, PATH)));
    await Promise.all(sockets.map((socket) => socket.message()));
    server.kill();
    await eventually(() => sockets.some((socket) => socket.received.includes('4200')), 'a goodbye');
    const staying = sockets.filter((socket) => !socket.received.includes('4200'));
    expect(staying.length).toBeGreaterThan(50);
    for (const socket of staying) socket.write(textFrame({ event: 'pusher:ping', data: {} }));
    await eventually(() => staying.some((socket) => socket.received.includes('pusher:pong')), 'a pong');
    server.kill();
    expect(await server.exited).toBe(0);
    for (const socket of sockets) socket.destroy();
  });
});
