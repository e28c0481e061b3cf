import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../support/server.ts';
import { eventually } from '../support/wire.ts';
import { Tcp, upgradeText } from '../support/wire-tcp.ts';

const OPEN_FILES = 512;
const CLIENTS = 600;
const TOGETHER = 60;

/** Acts of a client after its upgrade was refused. */
const ENDINGS: Record<string, (tcp: Tcp) => void> = {
  'sends more and closes': (tcp) => {
    tcp.write('x');
    tcp.socket.end();
  },
  'sends more and stays connected': (tcp) => tcp.write('x'.repeat(1000)),
  'half-closes': (tcp) => tcp.socket.end(),
  resets: (tcp) => tcp.reset(),
  'stays connected': () => undefined,
};

let server: TestServer;
let files: number;
const tcps: Tcp[] = [];

const filesOf = ({ pid }: TestServer): number => readdirSync(`/proc/${pid}/fd`).length;
const health = async (): Promise<number> =>
  (await fetch(`http://127.0.0.1:${server.port}/up`, { headers: { connection: 'close' } })).status;

beforeEach(async () => {
  server = await startServer({}, [], ['start'], { openFiles: OPEN_FILES });
  files = filesOf(server);
});

afterEach(async () => {
  for (const tcp of tcps.splice(0)) tcp.destroy();
  await server.close();
});

async function upgrade(
  path: string,
  headers: Record<string, string>,
  act: (tcp: Tcp) => void,
): Promise<void> {
  const tcp = await Tcp.open(server);
  tcps.push(tcp);
  tcp.write(upgradeText(path, headers));
  await tcp.head();
  act(tcp);
}

async function upgradeMany(act: (tcp: Tcp) => void, path = '/x', headers = {}): Promise<void> {
  for (let sent = 0; sent < CLIENTS; sent += TOGETHER) {
    await Promise.all(Array.from({ length: TOGETHER }, () => upgrade(path, headers, act)));
  }
}

describe.each(Object.entries(ENDINGS))('a client that %s after its upgrade was refused', (_what, act) => {
  test(`2.1 releases its file: ${CLIENTS} of them do not exhaust a server of ${OPEN_FILES} files`, async () => {
    await upgradeMany(act);
    expect(await health()).toBe(200);
    const one = await Tcp.upgraded(server, '/app/app-key');
    expect(await one.message()).toMatchObject({ event: 'pusher:connection_established' });
    one.destroy();
    await eventually(() => filesOf(server) <= files + 2, 'the files are closed', 10_000);
    server.kill();
    expect(await server.exited).toBe(0);
  }, 60_000);
});

test.each([
  ['of an unknown app, whose close frame is not answered', '/app/unknown', {}],
  ['that the library refuses', '/app/app-key', { 'Sec-WebSocket-Version': '1' }],
])(
  '2.1 upgrades %s release their files',
  async (_what, path, headers) => {
    await upgradeMany((tcp) => tcp.write('\x81\x80'), path, headers);
    expect(await health()).toBe(200);
    await eventually(() => filesOf(server) <= files + 2, 'the files are closed', 10_000);
  },
  60_000,
);

test('2.13 SIGTERM ends the process in bounded time while refused and idle sockets are open', async () => {
  for (const act of Object.values(ENDINGS)) await upgrade('/x', {}, act);
  tcps.push(await Tcp.open(server), await Tcp.upgraded(server, '/app/app-key'));
  const since = Date.now();
  server.kill();
  expect(await server.exited).toBe(0);
  expect(Date.now() - since).toBeLessThan(6000);
}, 30_000);
