/** A node that stops behind the HAProxy of examples/deploy, with a real pusher-js and publishers on both kinds of connections. */
import { Agent } from 'node:http';
import { expect, onTestFinished, test, vi } from 'vitest';
import { optionsFor, Pusher, subscribeTo } from '../../clients/stock-clients.ts';
import { APP, APP_VARIABLES } from '../../support/app.ts';
import { DELAY_SECONDS, startHaproxy } from '../../support/cluster-haproxy.ts';
import { withPrograms } from '../../support/programs.ts';
import { startRedis } from '../../support/redis.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { publishSteadily } from '../../support/steady-publisher.ts';
import { type Address, eventually } from '../../support/wire.ts';
import { Tcp } from '../../support/wire-tcp.ts';

vi.setConfig({ testTimeout: 180_000 });

const LONG_MS = 60_000;
/** Sockets of the node that stops, beside those of pusher-js. */
const SOCKETS = 300;
const CLIENTS = 40;
async function startNodes(): Promise<[TestServer, TestServer]> {
  const redis = await startRedis();
  onTestFinished(() => redis.close());
  const start = async (): Promise<TestServer> => {
    const node = await startServer({
      ...APP_VARIABLES,
      REVERB_SCALING_ENABLED: 'true',
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: `${redis.port}`,
      WAVEHALL_TRUSTED_PROXIES: '127.0.0.1',
      WAVEHALL_DRAIN_DELAY_SECONDS: DELAY_SECONDS,
      WAVEHALL_DRAIN_SECONDS: '2',
    });
    onTestFinished(() => node.close());
    return node;
  };
  return [await start(), await start()];
}

async function openSockets(server: TestServer): Promise<Tcp[]> {
  const sockets: Tcp[] = [];
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
  while (sockets.length < SOCKETS) {
    const path = `/app/${APP.key}?protocol=7`;
    sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => Tcp.upgraded(server, path)))));
  }
  await Promise.all(sockets.map((socket) => socket.message()));
  return sockets;
}

/** A pusher-js that counts its connections. */
async function openClient(address: Address) {
  const pusher = new Pusher(APP.key, optionsFor(address));
  onTestFinished(() => pusher.disconnect());
  const client = { pusher, connects: 0, codes: new Set<number>(), connectedAtMs: 0, received: 0 };
  pusher.connection.bind('connected', () => {
    client.connects += 1;
    client.connectedAtMs = performance.now();
  });
  // It reports one close several times: by the frame, by the code, and as an error of the socket.
  pusher.connection.bind('error', ({ data }: { data?: { code: number } }) => {
    if (data !== undefined) client.codes.add(data.code);
  });
  const { channel } = await subscribeTo(pusher, 'news');
  channel.bind('last', () => (client.received += 1));
  return client;
}

withPrograms('a node behind HAProxy', ['haproxy'], () => {
  test('2.13 loses no publish and no client when it stops; each client of it is closed once', async () => {
    const [stopped, other] = await startNodes();
    const haproxy = await startHaproxy([stopped.port, other.port]);
    onTestFinished(() => haproxy.close());
    await Promise.all([haproxy.whenUp(stopped.port), haproxy.whenUp(other.port)]);
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => openClient(haproxy)));
    const sockets = await openSockets(stopped);
    const agent = new Agent({ keepAlive: true, maxSockets: 2 });
    onTestFinished(() => agent.destroy());
    const publishers = [publishSteadily(haproxy), publishSteadily(haproxy, { agent })];
    await eventually(() => publishers.every(({ answered }) => answered >= 50), 'publishes', LONG_MS);

    const signalledAtMs = performance.now();
    stopped.kill();
    expect(await stopped.exited).toBe(0);
    // Some further publishes, to the other node alone.
    const before = publishers.map(({ answered }) => answered);
    await eventually(
      () => publishers.every(({ answered }, at) => answered >= (before[at] ?? 0) + 25),
      'further publishes',
      LONG_MS,
    );
    const outcomes = (await Promise.all(publishers.map((each) => each.stop()))).flat();
    expect(outcomes.filter((outcome) => outcome !== '200')).toEqual([]);

    expect(sockets.every(({ received }) => received.toString().split('"code":4200').length === 2)).toBe(true);
    await eventually(
      () => clients.every(({ pusher }) => pusher.connection.state === 'connected'),
      'all',
      LONG_MS,
    );
    const moved = clients.filter(({ connects }) => connects > 1);
    expect(moved.length).toBeGreaterThan(0);
    expect(moved.map(({ connects, codes }) => [connects, ...codes])).toEqual(moved.map(() => [2, 4200]));
    await eventually(
      async () => {
        const last = publishSteadily(haproxy, { event: 'last' });
        await eventually(() => last.answered > 0, 'the last event', LONG_MS);
        await last.stop();
        return clients.every(({ received }) => received > 0);
      },
      'all clients receive',
      LONG_MS,
    );
    const lastMs = Math.max(...moved.map(({ connectedAtMs }) => connectedAtMs)) - signalledAtMs;
    console.log(
      `${outcomes.length} publishes, 0 failed; ${moved.length} of ${CLIENTS} clients moved, each closed once; ` +
        `the last one was back ${(lastMs / 1000).toFixed(1)} s after SIGTERM (delay ${DELAY_SECONDS} s)`,
    );
  });
});
