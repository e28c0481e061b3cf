/** `wavehall tail`: the live feed of a running server. */
import { spawn, spawnSync } from 'node:child_process';
import { request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stripVTControlCharacters } from 'node:util';
import Fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { addLiveRoute, MAX_VIEWERS } from '../../src/admin/routes/live.ts';
import { APP, appAt } from '../support/app.ts';
import { freePort } from '../support/free-port.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import type { TestServer } from '../support/server.ts';
import { channelAuth, publisher } from '../support/wire-http.ts';
import { type Address, eventually, Wire } from '../support/wire.ts';
import { cleanEnvironment, MAIN } from './command.ts';
import {
  admin,
  LONG_MS,
  openClient,
  operate,
  operated,
  runInTerminal,
  shellOf,
  startOperated,
  TOKEN,
} from './operated-server.ts';

vi.setConfig({ testTimeout: 4 * LONG_MS });
const HAS_TERMINAL =
  spawnSync('/usr/bin/script', ['-qec', 'true', '/dev/null'], { stdio: 'ignore' }).status === 0;

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.close());

interface Line {
  readonly type: string;
  readonly [detail: string]: unknown;
}

/** Runs `wavehall tail` until the test ends. */
function startTail(server: TestServer, args: readonly string[] = []) {
  const child = spawn(process.execPath, [MAIN, 'tail', ...args], { env: cleanEnvironment(shellOf(server)) });
  onTestFinished(() => void child.kill());
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const lines = (): Line[] =>
    output
      .split('\n')
      .slice(0, -1)
      .map((text) => JSON.parse(text) as Line);
  const of = (type: string): Line[] => lines().filter((line) => line.type === type);
  const seen = (type: string, count: number): Promise<void> =>
    eventually(
      () => of(type).length >= count,
      () => `${count} ${type}: ${output}${errors}`,
      LONG_MS,
    );
  return { of, seen, lines, errors: () => errors };
}

/** Sends something until the tail shows it: from then on it sees everything. */
async function tailing(server: TestServer, args: readonly string[] = []) {
  const tail = startTail(server, args);
  const app = publisher(appAt(server));
  await eventually(
    async () => {
      await app.post('/events', { name: 'first', channel: 'first', data: '{}' });
      return tail.of('published').length > 0;
    },
    () => `the tail begins: ${tail.errors()}`,
    LONG_MS,
  );
  return { ...tail, app };
}

async function subscribe(wire: Wire, channel: string): Promise<void> {
  const auth = channelAuth(APP, wire.socketId, channel);
  wire.send({ event: 'pusher:subscribe', data: { channel, auth } });
  await wire.next('pusher_internal:subscription_succeeded', LONG_MS);
}

/** Events of the tail besides the ones by which it was found to begin. */
const eventsOf = (lines: readonly Line[]) => lines.filter(({ event }) => event !== 'first');

describe('wavehall tail', () => {
  test('11.5 shows clients, subscriptions, events with their sockets, whispers and refusals', async () => {
    const server = await startOperated(operated());
    const { app, of, seen, lines } = await tailing(server);
    const [one, other] = [await openClient(server), await openClient(server)];
    for (const wire of [one, other]) await subscribe(wire, 'private-t');
    const card = { name: 'paid', channel: 'private-t', data: '{"card":4242}' };
    await app.post('/events', { ...card, socket_id: one.socketId });
    await app.post('/batch_events', { batch: [card, { ...card, channel: 'nobody' }] });
    one.send({ event: 'client-typing', channel: 'private-t', data: '{}' });
    await other.next('client-typing');
    const refused = await Wire.open(server, '/app/no-such-key?protocol=7');
    await refused.closing();
    await other.close();
    await seen('disconnected', 1);
    await seen('refused', 1);
    expect(of('connected').map(({ socket }) => socket)).toEqual([one.socketId, other.socketId]);
    expect(of('subscribed')).toMatchObject([
      { app: APP.id, channel: 'private-t', socket: one.socketId },
      { channel: 'private-t', socket: other.socketId },
    ]);
    expect(eventsOf(of('published'))).toMatchObject([
      { channel: 'private-t', event: 'paid', sockets: 1, source: 'http', except: one.socketId },
      { channel: 'private-t', event: 'paid', sockets: 2, source: 'batch' },
      { channel: 'nobody', event: 'paid', sockets: 0, source: 'batch' },
      { channel: 'private-t', event: 'client-typing', sockets: 1, source: 'client', socket: one.socketId },
    ]);
    expect(of('disconnected')).toMatchObject([{ socket: other.socketId, cause: 'client', channels: 1 }]);
    await seen('unsubscribed', 1);
    expect(of('refused')).toMatchObject([{ reason: 'unknown_app', key: 'no-such-key' }]);
    expect(JSON.stringify(lines())).not.toMatch(/4242|digest/);
    expect(JSON.stringify(lines())).not.toContain(APP.secret);
  });

  test('11.5 of several workers has all of them, and one line with the sum of the sockets for each event', async () => {
    const server = await startOperated(operated(redis), ['--workers', '3']);
    const { app, of, seen } = await tailing(server);
    const wires = [];
    for (let client = 0; client < 7; client += 1) wires.push(await openClient(server));
    for (const wire of wires) await subscribe(wire, 'private-t');
    for (let event = 0; event < 20; event += 1)
      await app.post('/events', { name: 'same', channel: 'private-t', data: '{}' });
    await seen('subscribed', 7);
    await eventually(
      () => eventsOf(of('published')).length >= 20,
      () => `20 events: ${JSON.stringify(eventsOf(of('published')))}`,
      LONG_MS,
    );
    expect(eventsOf(of('published')).map(({ sockets }) => sockets)).toEqual(
      Array.from({ length: 20 }, () => 7),
    );
    expect(new Set(of('connected').map(({ pid }) => pid)).size).toBe(3);
  });

  test('11.5 --app, --channel and --event choose lines, and --payload shows the data', async () => {
    const server = await startOperated(operated());
    const { app, of } = await tailing(server, [
      '--channel',
      'first*',
      '--event',
      '*',
      '--app',
      APP.id,
      '--payload',
    ]);
    await app.post('/events', { name: 'x', channel: 'second', data: '1' });
    await app.post('/events', { name: 'x', channel: 'first.2', data: '{"card":4242}' });
    await eventually(() => eventsOf(of('published')).length > 0, 'the event', LONG_MS);
    expect(eventsOf(of('published'))).toMatchObject([{ channel: 'first.2', payload: '{"card":4242}' }]);
  });

  test('11.5 goes on when the process that it asks is replaced', async () => {
    const server = await startOperated(operated(redis), ['--workers', '2']);
    const { app, of, errors } = await tailing(server);
    expect((await operate(server, ['restart'])).code).toBe(0);
    await eventually(
      async () => {
        await app.post('/events', { name: 'after', channel: 'c', data: '{}' });
        return of('published').some(({ event }) => event === 'after');
      },
      () => `an event after the restart: ${errors()}`,
      LONG_MS,
    );
    expect(errors()).toContain('the stream ended, it is opened again');
  });

  test.runIf(HAS_TERMINAL)('11.5 is one readable line for each on a terminal, for --seconds', async () => {
    const server = await startOperated(operated());
    const shown = runInTerminal(['tail', '--seconds', '4', '--payload'], shellOf(server));
    const client = await openClient(server);
    const app = publisher(appAt(server));
    await subscribe(client, 'private-t');
    const publishing = setInterval(() => {
      void app.post('/events', { name: 'x', channel: 'private-t', data: 'clear\u001b[2J' });
    }, 200);
    const raw = await shown;
    clearInterval(publishing);
    const text = stripVTControlCharacters(raw);
    const line =
      /^\d\d:\d\d:\d\d {2}published +app-id {3}private-t {3}x {3}1 socket {3}\d+ bytes {3}from http {3}clear \[2J\r?$/m;
    expect(text).toMatch(line);
    expect(raw).not.toContain('\u001b[2J');
  });
});

/** Opens a stream of the admin API. */
const openLive = ({ host, port }: Address, query = '', path = '/admin/live'): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const asked = request({ host, port, path: path + query, headers, agent: false }, resolve);
    asked.on('error', reject);
    onTestFinished(() => void asked.destroy());
    asked.end();
  });

describe('GET /admin/live', () => {
  test(`11.5 serves ${MAX_VIEWERS} viewers, and one more when one has left`, async () => {
    const server = await startOperated(operated());
    const viewers: IncomingMessage[] = [];
    for (let viewer = 0; viewer < MAX_VIEWERS; viewer += 1) viewers.push(await openLive(server));
    expect(viewers.map(({ statusCode }) => statusCode)).toEqual(viewers.map(() => 200));
    const { code, stderr } = await operate(server, ['tail', '--seconds', '1']);
    expect([code, stderr]).toEqual([
      1,
      `wavehall: ${MAX_VIEWERS} viewers look already: close one of them.\n`,
    ]);
    viewers[0]?.destroy();
    await eventually(async () => (await openLive(server)).statusCode === 200, 'a free place', LONG_MS);
  });

  test('11.17 refuses a filter that is not one, and a token that is not right', async () => {
    const server = await startOperated(operated());
    for (const [query, error] of [
      ['?chanel=a', '"chanel": expected app or channel or event or payload'],
      ['?payload=yes', 'payload: expected 0 or 1'],
      [`?channel=${'a'.repeat(301)}`, 'channel: expected at most 300 characters'],
    ] as const)
      expect((await admin(server, 'GET', `/live${query}`)).json).toEqual({ error });
    expect((await admin(server, 'GET', '/live', 'wrong')).status).toBe(401);
    const errorOf = async (args: readonly string[], env = {}) =>
      (await operate(server, ['tail', ...args], env)).stderr.trim();
    const closed = `http://127.0.0.1:${await freePort()}`;
    expect(await errorOf(['--token', 'wrong'])).toMatch(/refuses this token/);
    expect(await errorOf([], { WAVEHALL_ADMIN_TOKEN: '' })).toMatch(/expected the token of the admin API/);
    expect(await errorOf(['--url', closed])).toBe(
      `wavehall: --url ${closed}: cannot be reached (ECONNREFUSED)`,
    );
    expect(await errorOf(['--seconds', 'x'])).toBe('wavehall: --seconds x: expected a number above 0');
  });

  test('11.5 leaves lines out for a viewer that does not read, and says how many', async () => {
    const line = { atMs: 0, type: 'published', event: 'x'.repeat(10_000) } as const;
    let sent = 0;
    const read = () => {
      sent += 100;
      return Promise.resolve({ lines: Array.from({ length: 100 }, () => line), leftOut: 0 });
    };
    const http = Fastify();
    addLiveRoute(http, { isOpen: () => true, open: () => ({ read }) });
    await http.listen({ port: 0, host: '127.0.0.1' });
    onTestFinished(() => http.close());
    const { port } = http.server.address() as AddressInfo;
    const live = await openLive({ host: '127.0.0.1', port }, '', '/live');
    // More than the buffers of the network and of the stream together.
    await eventually(() => sent >= 1500, 'lines', LONG_MS);
    let text = '';
    live.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await eventually(() => text.includes('"left-out"'), 'the number of lines that were left out', LONG_MS);
    live.destroy();
    const leftOut = Number(/"type":"left-out","lines":(\d+)/.exec(text)?.[1]);
    expect(leftOut).toBeGreaterThan(0);
    expect(leftOut % 100).toBe(0);
  });

  test('2.13 the streams end when the server stops', async () => {
    const server = await startOperated(operated());
    const live = await openLive(server);
    const ended = new Promise((resolve) => live.on('close', resolve));
    live.resume();
    server.kill();
    await ended;
    expect(await server.exited).toBe(0);
  });
});
