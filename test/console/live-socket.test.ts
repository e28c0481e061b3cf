/** The live feed over a WebSocket, on a real server. */
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { expect, onTestFinished, test, vi } from 'vitest';
import { addLiveRoute, MAX_MESSAGE_BYTES, MAX_VIEWERS } from '../../src/admin/routes/live.ts';
import { liveUpgrades, onWebSocketUpgrade } from '../../src/server/entrances/upgrades.ts';
import { LONG_MS, openClient, operated, startOperated, TOKEN } from '../cli/operated-server.ts';
import { startWithPorts } from '../cli/ports.ts';
import { APP, appAt } from '../support/app.ts';
import { freePort } from '../support/free-port.ts';
import type { TestServer } from '../support/server.ts';
import { publisher } from '../support/wire-http.ts';
import { type Address, eventually, type UpgradeRefused, Wire } from '../support/wire.ts';
import { ask, loggedIn } from './operator.ts';

vi.setConfig({ testTimeout: 4 * LONG_MS });
const PATH = '/admin/live/socket';
const BEARER = { authorization: `Bearer ${TOKEN}` };

async function open(server: Address, headers: Record<string, string> = BEARER, path = PATH): Promise<Wire> {
  const wire = await Wire.open(server, path, { headers });
  onTestFinished(() => wire.drop());
  return wire;
}

/** Status of an answer that is no WebSocket. */
const refused = (server: Address, headers: Record<string, string>, path = PATH): Promise<number> =>
  open(server, headers, path).then(
    () => 101,
    (error: unknown) => (error as UpgradeRefused).status,
  );

const linesOf = (wire: Wire) =>
  wire.texts.flatMap((text) =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>),
  );

/** Publishes until the viewer has seen an event of this name. */
async function publishUntilSeen(
  server: TestServer,
  viewer: Wire,
  event: string,
  channel = 'c',
): Promise<void> {
  const app = publisher(appAt(server));
  await eventually(
    async () => {
      await app.post('/events', { name: event, channel, data: '{"card":4242}' });
      return linesOf(viewer).some((line) => line.event === event);
    },
    () => `${event}: ${viewer.texts.join('')}`,
    LONG_MS,
  );
}

test('17.5 sends the lines of the live feed, for a session and for the token, without payloads unless they are asked for', async () => {
  const server = await startOperated(operated());
  const [session, token] = [await open(server, await loggedIn(server)), await open(server)];
  const withPayload = await open(server, BEARER, `${PATH}?payload=1&channel=orders*`);
  await publishUntilSeen(server, session, 'first');
  const client = await openClient(server);
  await publishUntilSeen(server, withPayload, 'paid', 'orders.1');
  for (const viewer of [session, token]) {
    await eventually(() => linesOf(viewer).some(({ event }) => event === 'paid'), 'the event', LONG_MS);
    expect(linesOf(viewer)).toContainEqual(
      expect.objectContaining({ type: 'connected', socket: client.socketId }),
    );
    expect(viewer.texts.join('')).not.toContain('4242');
  }
  expect(new Set(linesOf(withPayload).map(({ channel, payload }) => [channel, payload].join()))).toEqual(
    new Set(['orders.1,{"card":4242}']),
  );
});

test('17.5 refuses handshakes without a right, from other origins, with a wrong filter, and at other ports and paths', async () => {
  const { server, main, api } = await startWithPorts({ WAVEHALL_ADMIN_TOKEN: TOKEN });
  const headers = await loggedIn(api as unknown as TestServer);
  const { cookie = '' } = headers;
  expect(await refused(api, headers)).toBe(101);
  expect(await refused(api, {})).toBe(401);
  expect(await refused(api, { authorization: 'Bearer wrong' })).toBe(401);
  expect(await refused(api, { cookie, origin: 'https://evil.test' })).toBe(403);
  expect(await refused(api, { cookie, origin: `http://127.0.0.1:${main.port}` })).toBe(403);
  expect(await refused(api, { cookie: `${cookie.slice(0, -1)}_`, origin: headers.origin ?? '' })).toBe(401);
  expect(await refused(api, BEARER, `${PATH}?chanel=x`)).toBe(400);
  expect(await refused(api, BEARER, `${PATH}/more`)).toBe(404);
  expect(await refused(api, BEARER, '/admin/live')).toBe(404);
  expect(await refused(main, BEARER)).toBe(404);
  expect((await ask(api, 'GET', PATH, BEARER)).status).toBe(404);
  expect((await Wire.open(server, `/app/${APP.key}?protocol=7`)).ended).toBeUndefined();
});

test('17.5 without a token the path is an unknown one', async () => {
  const server = await startOperated({ ...operated(), WAVEHALL_ADMIN_TOKEN: '' });
  expect(await refused(server, BEARER)).toBe(404);
});

test('17.5 is served in front of a cutover too', async () => {
  const upstream = `http://127.0.0.1:${await freePort()}`;
  const server = await startOperated({
    ...operated(),
    WAVEHALL_CUTOVER_UPSTREAM: upstream,
    WAVEHALL_CUTOVER_PERCENT: '0',
  });
  expect(await refused(server, BEARER)).toBe(101);
});

test(`17.6 serves ${MAX_VIEWERS} viewers, those of the stream among them, and one more when one has left`, async () => {
  const server = await startOperated(operated());
  const viewers: Wire[] = [];
  for (let viewer = 0; viewer < MAX_VIEWERS; viewer += 1) viewers.push(await open(server));
  expect(await refused(server, BEARER)).toBe(409);
  expect((await ask(server, 'GET', '/admin/live', BEARER)).status).toBe(409);
  viewers[0]?.drop();
  await eventually(async () => (await refused(server, BEARER)) === 101, 'a free place', LONG_MS);
});

test('17.5 a message of a viewer is not read; one that is too large ends its socket, and nothing else', async () => {
  const server = await startOperated(operated());
  const [small, large] = [await open(server), await open(server)];
  small.socket.send('x'.repeat(MAX_MESSAGE_BYTES));
  large.socket.send('x'.repeat(MAX_MESSAGE_BYTES + 1));
  await large.closed;
  await publishUntilSeen(server, small, 'after');
});

test('17.5 ends when the session does', async () => {
  const server = await startOperated(operated());
  const headers = await loggedIn(server);
  const viewer = await open(server, headers);
  await ask(server, 'DELETE', '/admin/console/session', headers);
  expect(await viewer.closed).toEqual({ code: 1008, reason: 'The session has ended.' });
});

test('2.13 the live sockets end when the server stops', async () => {
  const server = await startOperated(operated());
  const viewer = await open(server);
  server.kill();
  expect((await viewer.closed).code).toBe(1001);
  expect(await server.exited).toBe(0);
});

test('17.5 leaves lines out for a viewer that does not read, and says how many', async () => {
  const line = { atMs: 0, type: 'published', event: 'x'.repeat(10_000) } as const;
  let sent = 0;
  const read = () => {
    sent += 100;
    return Promise.resolve({ lines: Array.from({ length: 100 }, () => line), leftOut: 0 });
  };
  const http = Fastify();
  let isOpen = true;
  const live = { isOpen: () => isOpen, open: () => ({ read }) };
  const options = { upgrades: liveUpgrades(http.server), isAllowed: () => Promise.resolve(true) };
  await http.register(
    (scope, _, done) => {
      addLiveRoute(scope, live, options);
      done();
    },
    { prefix: '/admin' },
  );
  onWebSocketUpgrade(http.server, (_request, network) => network.destroy());
  await http.listen({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => http.close());
  onTestFinished(() => void (isOpen = false));
  const { port } = http.server.address() as AddressInfo;
  const viewer = await open({ host: '127.0.0.1', port }, {});
  viewer.socket.pause();
  await eventually(() => sent >= 2500, 'lines', LONG_MS);
  viewer.socket.resume();
  const leftOut = () => linesOf(viewer).find(({ type }) => type === 'left-out')?.lines;
  await eventually(() => leftOut() !== undefined, 'the number of lines that were left out', LONG_MS);
  expect(Number(leftOut()) % 100).toBe(0);
});
