/** pusher-js with `wavehall/client`: exact resume over real servers (SPEC 13.7). */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Channel } from 'pusher-js';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { resume } from '../../client/index.ts';
import { APP, APP_VARIABLES } from '../support/app.ts';
import { Cluster } from '../support/cluster.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { startServer } from '../support/server.ts';
import { SwitchableProxy } from '../support/switchable-proxy.ts';
import { sdkFor } from './sdk.ts';
import { inState, optionsFor, Pusher } from './stock-clients.ts';

const LONG_MS = 90_000;
const KEEP_MANY = { ...APP_VARIABLES, WAVEHALL_HISTORY_SIZE: '10000' };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

beforeAll(() => resume(Pusher));

async function openFront(port: number) {
  const front = new SwitchableProxy();
  front.target = port;
  cleanups.push(() => front.close());
  return { front, port: await front.listen() };
}

/** A client, and everything that its channels emitted about them. */
async function openClient(port: number, names: readonly string[]) {
  const pusher = new Pusher(APP.key, optionsFor({ host: '127.0.0.1', port }));
  cleanups.push(() => pusher.disconnect());
  const numbers = new Map<string, number[]>();
  const gaps: { channel: string; reason: string }[] = [];
  let subscriptions = 0;
  const channels = names.map((name): Channel => {
    numbers.set(name, []);
    const channel = pusher.subscribe(name);
    channel.bind('n', ({ n }: { n: number }) => numbers.get(name)?.push(n));
    channel.bind('wavehall:gap', ({ reason }: { reason: string }) => gaps.push({ channel: name, reason }));
    channel.bind('pusher:subscription_succeeded', () => (subscriptions += 1));
    return channel;
  });
  await expect.poll(() => subscriptions, { timeout: LONG_MS }).toBe(names.length);
  return { pusher, numbers, gaps, channels, subscriptions: () => subscriptions };
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, at) => at + 1);

test('13.7 the file is one module under 2 kB, without imports', () => {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-b', 'client'], {
    cwd: new URL('../..', import.meta.url).pathname,
  });
  const text = readFileSync(new URL('../../dist/client/index.js', import.meta.url), 'utf8');
  expect(gzipSync(text).length).toBeLessThan(2000);
  expect(text).not.toMatch(/\bimport\b|\brequire\(/);
});

describe('one node', () => {
  test(
    '13.7 after cuts at random times under load nothing is missing, nothing comes twice',
    async () => {
      const server = await startServer(KEEP_MANY);
      cleanups.push(() => server.close());
      const { front, port } = await openFront(server.port);
      const names = ['a', 'b', 'c'];
      const client = await openClient(port, names);
      const sdk = sdkFor(server);
      const random = new SeededRandom(16);
      let published = 0;
      for (let round = 1; round <= 8; round += 1) {
        const cutAt = random.below(20);
        for (let at = 0; at < 20; at += 1) {
          published += 1;
          const sent = sdk.trigger(names, 'n', { n: published });
          if (at === cutAt) front.cut();
          await sent;
        }
        await expect
          .poll(() => client.subscriptions(), { timeout: LONG_MS })
          .toBeGreaterThanOrEqual(names.length * (round + 1));
      }
      await expect
        .poll(() => [...client.numbers.values()].every((each) => each.at(-1) === published))
        .toBe(true);
      for (const name of names) expect(client.numbers.get(name)).toEqual(upTo(published));
      expect(client.gaps).toEqual([]);
    },
    LONG_MS,
  );

  test(
    '13.6 more missed than is kept is a gap with its channel',
    async () => {
      const server = await startServer({ ...APP_VARIABLES, WAVEHALL_HISTORY_SIZE: '3' });
      cleanups.push(() => server.close());
      const { front, port } = await openFront(server.port);
      const client = await openClient(port, ['a', 'b']);
      front.cut();
      await inState(client.pusher, 'connecting');
      const sdk = sdkFor(server);
      const missed = upTo(5).map((n) => ({ channel: 'a', name: 'n', data: { n } }));
      await sdk.triggerBatch([...missed, { channel: 'b', name: 'n', data: { n: 1 } }]);
      await expect.poll(() => client.subscriptions(), { timeout: LONG_MS }).toBe(4);
      await expect.poll(() => client.numbers.get('a')).toEqual([3, 4, 5]);
      expect([client.numbers.get('b'), client.gaps]).toEqual([[1], [{ channel: 'a', reason: 'expired' }]]);
    },
    LONG_MS,
  );

  test(
    '13.6 a server that was started anew without its events is a gap',
    async () => {
      const server = await startServer(APP_VARIABLES);
      const client = await openClient(server.port, ['a']);
      await sdkFor(server).trigger('a', 'n', { n: 1 });
      await expect.poll(() => client.numbers.get('a')).toEqual([1]);
      server.kill('SIGKILL');
      await server.exited;
      const next = await startServer({ ...APP_VARIABLES, REVERB_SERVER_PORT: String(server.port) });
      cleanups.push(() => next.close());
      await expect
        .poll(() => client.gaps, { timeout: LONG_MS })
        .toEqual([{ channel: 'a', reason: 'restarted' }]);
    },
    LONG_MS,
  );

  test(
    '13.7 a channel that was left begins anew',
    async () => {
      const server = await startServer(APP_VARIABLES);
      cleanups.push(() => server.close());
      const client = await openClient(server.port, ['a']);
      const sdk = sdkFor(server);
      await sdk.trigger('a', 'n', { n: 1 });
      await expect.poll(() => client.numbers.get('a')).toEqual([1]);
      client.pusher.unsubscribe('a');
      const isLeft = async () =>
        JSON.stringify(await (await sdk.get({ path: '/channels' })).json()) === '{"channels":{}}';
      await expect.poll(isLeft).toBe(true);
      await sdk.trigger('a', 'n', { n: 2 });
      const again = client.pusher.subscribe('a');
      const heard: number[] = [];
      again.bind('n', ({ n }: { n: number }) => heard.push(n));
      await expect.poll(() => again.subscribed).toBe(true);
      await sdk.trigger('a', 'n', { n: 3 });
      await expect.poll(() => heard).toEqual([3]);
    },
    LONG_MS,
  );
});

test(
  '13.7 three nodes, of which one after another is killed: nothing is missing, nothing comes twice',
  async () => {
    const cluster = await Cluster.start({ nodes: 3 });
    cleanups.push(() => cluster.close());
    const { front, port } = await openFront(cluster.node(0).server.port);
    const client = await openClient(port, ['a']);
    const publisher = sdkFor({ host: '127.0.0.1', port: cluster.node(2).server.port });
    let published = 0;
    const publish = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at += 1) await publisher.trigger('a', 'n', { n: ++published });
    };
    for (const [killed, next] of [
      [0, 1],
      [1, 2],
    ] as const) {
      await publish(20);
      front.target = cluster.node(next).server.port;
      const burst = publish(20);
      await cluster.node(killed).kill();
      await burst;
      await expect.poll(() => client.subscriptions(), { timeout: LONG_MS }).toBe(next + 1);
    }
    await publish(1);
    await expect.poll(() => client.numbers.get('a')?.at(-1)).toBe(published);
    expect(client.numbers.get('a')).toEqual(upTo(published));
    expect(client.gaps).toEqual([]);
  },
  LONG_MS,
);
