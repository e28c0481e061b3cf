import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { appAt } from '../support/app.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { eventually } from '../support/wire.ts';
import { channelAuth, publisher, userAuth } from '../support/wire-http.ts';
import { frameBytes, OPCODE, Tcp, textFrame, upgradeText } from '../support/wire-tcp.ts';

const PATH = '/app/app-key?protocol=7';
let server: TestServer;
const tcps: Tcp[] = [];

beforeAll(async () => {
  server = await startServer({
    REVERB_APP_MAX_CONNECTIONS: '1',
    REVERB_APP_MAX_MESSAGE_SIZE: '1000',
    REVERB_APP_PING_INTERVAL: '1',
    WAVEHALL_PONG_TIMEOUT: '1',
    WAVEHALL_LINGER_SECONDS: '2',
  });
});
afterAll(async () => {
  for (const tcp of tcps) tcp.destroy();
  await server.close();
});

async function connect(): Promise<Tcp> {
  const tcp = await Tcp.upgraded(server, PATH);
  tcps.push(tcp);
  expect(await tcp.message()).toMatchObject({ event: 'pusher:connection_established' });
  return tcp;
}

const app = () => appAt(server);
const api = () => publisher(app());
const connections = async (): Promise<unknown> =>
  ((await api().get('/connections')).json as Json).connections;
const members = async (): Promise<unknown> =>
  ((await api().get('/channels/presence-room/users')).json as Json).users;

type Json = Readonly<Record<string, unknown>>;

/** A member of `presence-room` that is signed in, and keeps its TCP connection whatever happens. */
async function connectMember(): Promise<Tcp> {
  const tcp = await Tcp.upgraded(server, PATH);
  tcps.push(tcp);
  const { data } = await tcp.message();
  const { socket_id: socketId } = JSON.parse(String(data)) as { socket_id: string };
  const userData = '{"id":"7"}';
  tcp.write(
    textFrame({
      event: 'pusher:signin',
      data: { auth: userAuth(app(), socketId, userData), user_data: userData },
    }),
  );
  const channel = 'presence-room';
  const channelData = '{"user_id":"7"}';
  const auth = channelAuth(app(), socketId, channel, channelData);
  tcp.write(textFrame({ event: 'pusher:subscribe', data: { channel, auth, channel_data: channelData } }));
  for (let event: unknown; event !== 'pusher_internal:subscription_succeeded';)
    ({ event } = await tcp.message());
  return tcp;
}

const closeFrame = frameBytes({ opcode: OPCODE.close, payload: Buffer.from([3, 232]) });

describe('2.15 a client whose TCP connection stays open counts as closed', () => {
  test('with the close frame that it sent: the next one of an app of 1 connects, 20 times of 20', async () => {
    for (let round = 0; round < 20; round += 1) {
      const tcp = await connect();
      tcp.write(textFrame({ event: 'pusher:subscribe', data: { channel: 'orders' } }));
      await tcp.message();
      tcp.write(closeFrame);
      expect(await tcp.closing()).toEqual({ code: 1000, reason: '' });
    }
    expect(await connections()).toBe(0);
  });

  test('with the close frame for a message that is too large, which it does not answer', async () => {
    const tcp = await connect();
    tcp.write(textFrame('x'.repeat(1001)));
    expect((await tcp.closing()).code).toBe(1009);
    expect(await connections()).toBe(0);
  });

  test('with the close frame for an invalid frame', async () => {
    const tcp = await connect();
    tcp.write(frameBytes({ opcode: 3, payload: 'x' }));
    expect((await tcp.closing()).code).toBe(1002);
    await eventually(async () => (await connections()) === 0, 'no connection is counted', 1000);
  });

  test('with the close frame of terminate_connections: the next one connects, 20 times of 20', async () => {
    for (let round = 0; round < 20; round += 1) {
      const tcp = await connectMember();
      expect(await members()).toEqual([{ id: '7' }]);
      expect((await api().post('/users/7/terminate_connections', '{}')).status).toBe(200);
      expect([await connections(), await members()]).toEqual([0, []]);
      expect((await tcp.closing()).code).toBe(4009);
    }
  }, 30_000);

  test('with the close frame for a ping that it did not answer (4201)', async () => {
    const tcp = await connectMember();
    expect((await tcp.closing(10_000)).code).toBe(4201);
    expect([await connections(), await members()]).toEqual([0, []]);
    expect(tcp.isEnded).toBe(false);
  }, 30_000);

  test('and its TCP connection is closed after WAVEHALL_LINGER_SECONDS, not before', async () => {
    const socket = net.connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.write(upgradeText(PATH));
    socket.write(textFrame('x'.repeat(1001)));
    await eventually(() => String(socket.read() ?? '').includes('Maximum message size'), 'the close frame');
    const startedAtMs = Date.now();
    // The client keeps its side open; what it writes is dropped until the server has gone.
    socket.resume();
    const talk = setInterval(() => socket.write('more'), 50);
    await closed;
    clearInterval(talk);
    expect(Date.now() - startedAtMs).toBeGreaterThan(1_900);
    expect(Date.now() - startedAtMs).toBeLessThan(4_500);
  }, 30_000);
});

test('2.15 at a shutdown a client counts as closed with its close frame (4200), whether or not it ends TCP', async () => {
  const other = await startServer({ WAVEHALL_DRAIN_SECONDS: '3' });
  try {
    const clients: Tcp[] = [];
    for (let count = 0; count < 120; count += 1) {
      const tcp = await Tcp.upgraded(other, PATH);
      tcps.push(tcp);
      await tcp.message();
      clients.push(tcp);
    }
    other.kill('SIGTERM');
    const ended = other.exited;
    await Promise.all(clients.map(async (tcp) => expect((await tcp.closing(10_000)).code).toBe(4200)));
    expect(await ended).toBe(0);
  } finally {
    await other.close();
  }
}, 30_000);
