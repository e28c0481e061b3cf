/** The drain of a node while another one is behind: real processes over a real Redis. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { APP, APP_VARIABLES } from '../../support/app.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { eventually } from '../../support/wire.ts';
import { Tcp } from '../../support/wire-tcp.ts';

vi.setConfig({ testTimeout: 120_000 });

const SOCKETS = 300;
const LONG_MS = 30_000;
/** Blocks the event loop for 250 of each 300 ms, from SIGUSR2 on. */
const BLOCK = 'setInterval(()=>{const end=Date.now()+250;while(Date.now()<end);},50)';
const BLOCKED = `process.on('SIGUSR2',()=>${BLOCK})`;
let prefixes = 0;

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.close());

/** Variables of nodes that share a prefix. Slowed, the drain would take a day. */
const settings = (): Record<string, string> => ({
  ...APP_VARIABLES,
  REVERB_SCALING_ENABLED: 'true',
  REDIS_HOST: '127.0.0.1',
  REDIS_PORT: `${redis.port}`,
  WAVEHALL_REDIS_PREFIX: `drain-${(prefixes += 1)}:`,
  WAVEHALL_DRAIN_SECONDS: '1',
  WAVEHALL_DRAIN_MAX_SECONDS: '86400',
});

async function start(env: Record<string, string>, node: readonly string[] = []): Promise<TestServer> {
  const server = await startServer(env, [], ['start'], { node });
  onTestFinished(() => server.close());
  return server;
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

const closedOf = (sockets: readonly Tcp[]): number =>
  sockets.filter(({ received }) => received.includes('4200')).length;

/** Counts the messages of nodes that are behind. */
async function countMessages({ WAVEHALL_REDIS_PREFIX: prefix = '' }: Record<string, string>) {
  const listener = new Redis(redis.port);
  onTestFinished(() => listener.disconnect());
  let count = 0;
  listener.on('pmessage', () => (count += 1));
  await listener.psubscribe(`${prefix}*:load`);
  return {
    more: (most: number) => {
      const before = count;
      return eventually(() => count >= before + most, 'messages of the node that is behind', LONG_MS);
    },
  };
}

test('2.13 a node without another one is not slowed, and closes all within its drain time', async () => {
  const node = await start(settings());
  const sockets = await openSockets(node);
  node.kill();
  await eventually(() => closedOf(sockets) === SOCKETS, 'all are closed', LONG_MS);
  expect(await node.exited).toBe(0);
  expect(node.output()).toMatch(/"sockets":300,.*"slowedSeconds":0,"hurried":"no"/);
});

test('2.13 a node closes more slowly while another one is behind, and as usual when that one is gone', async () => {
  const env = settings();
  const messages = await countMessages(env);
  const node = await start(env);
  const behind = await start(env, [`--import=data:text/javascript,${encodeURIComponent(BLOCKED)}`]);
  const sockets = await openSockets(node);
  behind.kill('SIGUSR2');
  await messages.more(1);
  node.kill();
  await eventually(
    () => node.output().includes('Other nodes are behind: the drain is slower'),
    'the drain is slower',
    LONG_MS,
  );
  // A few seconds: as many messages. The first steps may have run before the first of them had arrived.
  await messages.more(3);
  expect(closedOf(sockets)).toBeLessThan(SOCKETS / 2);
  behind.kill('SIGKILL');
  await eventually(() => closedOf(sockets) === SOCKETS, 'all are closed', LONG_MS);
  expect(await node.exited).toBe(0);
  const [, slowed] = /"slowedSeconds":([\d.]+),"hurried":"no"/.exec(node.output()) ?? [];
  expect(Number(slowed)).toBeGreaterThan(1);
});
