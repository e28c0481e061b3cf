import { afterEach, expect, test } from 'vitest';
import { APP, appAt } from '../support/app.ts';
import { startMembersOnOtherNode, redisSettings } from '../support/members-on-other-node.ts';
import { startRedis } from '../support/redis.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { channelAuth } from '../support/wire-http.ts';
import { frameBytes, OPCODE, Tcp, textFrame } from '../support/wire-tcp.ts';
import { eventually } from '../support/wire.ts';
import { HonestClient } from './honest-client.ts';
import { occupancyOf, rssMbOf } from './target.ts';
import { sleep } from '../../src/core/util/time.ts';

let server: TestServer | undefined;
const tcps: Tcp[] = [];
afterEach(async () => {
  for (const tcp of tcps.splice(0)) tcp.destroy();
  await server?.close();
});

test('2.12 a server of 256 MB survives ten sockets that send pings and never read', async () => {
  const node = ['--max-old-space-size=256'];
  server = await startServer({ WAVEHALL_MAX_MESSAGES_PER_SECOND: '0' }, [], ['start'], { node });
  const pings = Buffer.concat(
    Array.from({ length: 20_000 }, () => textFrame({ event: 'pusher:ping', data: {} })),
  );
  for (let count = 0; count < 10; count += 1) {
    const tcp = await Tcp.upgraded(server, '/app/app-key');
    tcps.push(tcp);
    tcp.socket.pause();
    for (let sent = 0; sent < 10; sent += 1) tcp.write(pings);
  }
  const honestClient = await Tcp.upgraded(server, '/app/app-key');
  tcps.push(honestClient);
  await honestClient.message();
  for (let round = 0; round < 10; round += 1) {
    honestClient.write(textFrame({ event: 'pusher:ping', data: {} }));
    expect(await honestClient.message(1000)).toMatchObject({ event: 'pusher:pong' });
    await sleep(200);
  }
}, 60_000);

test('2.12 twenty sockets that send pings without a pause delay no other client by a second', async () => {
  server = await startServer();
  const pings = Buffer.concat(
    Array.from({ length: 20_000 }, (_, index) =>
      index % 2 === 0
        ? textFrame({ event: 'pusher:ping', data: {} })
        : frameBytes({ opcode: OPCODE.ping, payload: 'x' }),
    ),
  );
  const target = appAt(server);
  for (let count = 0; count < 20; count += 1) {
    const tcp = await Tcp.upgraded(server, '/app/app-key');
    tcps.push(tcp);
    // Reads the answers, so that only the server itself can slow these clients down.
    tcp.socket.removeAllListeners('data').resume();
  }
  const honestClient = await HonestClient.open(target);
  const flooding = [...tcps];
  for (let round = 0; round < 10; round += 1) {
    for (const tcp of flooding) if (tcp.socket.writableLength < 4_000_000) tcp.write(pings);
    await sleep(100);
  }
  await honestClient.close(20_000);
  expect(honestClient.wasClosed).toBe(false);
  expect(honestClient.longestPingMs).toBeLessThan(1_000);
}, 60_000);

test.each([
  ['after the stall time', { WAVEHALL_STALL_SECONDS: '1' }],
  ['because too many bytes are buffered', { WAVEHALL_MAX_BUFFER_TOTAL: '1000000' }],
])(
  '2.15 clients that do not read are disconnected %s and removed at once, even with unprocessed messages',
  async (_what, env) => {
    server = await startServer({ ...env, WAVEHALL_MAX_MESSAGES_PER_SECOND: '0' });
    const target = appAt(server);
    const pings = Buffer.concat(
      Array.from({ length: 20_000 }, () => textFrame({ event: 'pusher:ping', data: {} })),
    );
    for (let count = 0; count < 5; count += 1) {
      const tcp = await Tcp.upgraded(server, '/app/app-key');
      tcps.push(tcp);
      tcp.write(textFrame({ event: 'pusher:subscribe', data: { channel: `of-${count}` } }));
      tcp.socket.pause();
      for (let sent = 0; sent < 10; sent += 1) tcp.write(pings);
    }
    const isDisconnected = (): boolean => server!.output().includes('do not read what they are sent');
    await eventually(isDisconnected, 'a slow reader is disconnected', 30_000);
    const isEmpty = async (): Promise<boolean> => {
      const { connections, channels } = await occupancyOf(target);
      return connections === 0 && channels.length === 0;
    };
    await eventually(isEmpty, 'no connection and no channel is left', 30_000);
  },
  90_000,
);

const CHANNEL = 'presence-crowd';

/** Sends `count` joins and leaves of the channel, and never reads. */
async function joinAndLeave(count: number): Promise<void> {
  const tcp = await Tcp.upgraded(server!, '/app/app-key?protocol=7');
  tcps.push(tcp);
  const { data } = await tcp.message();
  const { socket_id: socketId } = JSON.parse(String(data)) as { socket_id: string };
  tcp.socket.pause();
  const channelData = JSON.stringify({ user_id: `member-${tcps.length}` });
  const auth = channelAuth(APP, socketId, CHANNEL, channelData);
  const join = textFrame({
    event: 'pusher:subscribe',
    data: { channel: CHANNEL, auth, channel_data: channelData },
  });
  const leave = textFrame({ event: 'pusher:unsubscribe', data: { channel: CHANNEL } });
  tcp.write(Buffer.concat(Array.from({ length: count }, () => [join, leave]).flat()));
}

test('2.16 clients that join and leave a channel with 500 members of 2 kB without reading use bounded memory and delay no other client', async () => {
  const redis = await startRedis();
  const env = redisSettings(APP, redis);
  server = await startServer({ ...env, WAVEHALL_STALL_SECONDS: '60' });
  const stopMembers = await startMembersOnOtherNode(
    env,
    { app: APP.id, channel: CHANNEL },
    { count: 500, infoBytes: 2_000 },
  );
  try {
    const target = { ...appAt(server), pid: server.pid };
    // The first roster allocates memory that is no leak.
    await joinAndLeave(1);
    await sleep(1000);
    const before = rssMbOf(target) ?? 0;
    const honestClient = await HonestClient.open(target);
    for (let count = 0; count < 5; count += 1) await joinAndLeave(300);
    let max = 0;
    for (const until = Date.now() + 8_000; Date.now() < until;) {
      max = Math.max(max, rssMbOf(target) ?? 0);
      await sleep(50);
    }
    await honestClient.close(5_000);
    expect(honestClient.wasClosed).toBe(false);
    expect(honestClient.longestPingMs).toBeLessThan(1_000);
    expect(max - before, `${before} MiB before, ${max} MiB at most`).toBeLessThan(200);
    console.log(
      `rosters: ${before} MiB before, ${max} MiB at most, longest ping ${honestClient.longestPingMs} ms`,
    );
  } finally {
    await stopMembers();
    for (const tcp of tcps.splice(0)) tcp.destroy();
    await server.close();
    await redis.close();
  }
}, 90_000);
