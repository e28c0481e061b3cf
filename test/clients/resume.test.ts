/** Stock clients that name their tab get what they missed (SPEC 13): pusher-js and Echo, real servers, cut connections. */
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { APP, APP_VARIABLES } from '../support/app.ts';
import { Cluster } from '../support/cluster.ts';
import { redisCli } from '../support/redis.ts';
import { startServer } from '../support/server.ts';
import { SwitchableProxy } from '../support/switchable-proxy.ts';
import { sdkFor } from './sdk.ts';
import { inState, newEcho, optionsFor, Pusher } from './stock-clients.ts';

const CHANNEL = 'orders';
const LONG_MS = 60_000;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Front of all nodes, one after another. */
async function openFront(port: number): Promise<{ readonly front: SwitchableProxy; readonly port: number }> {
  const front = new SwitchableProxy();
  front.target = port;
  cleanups.push(() => front.close());
  return { front, port: await front.listen() };
}

/** A tab with a stock pusher-js, and the numbers that it received. */
async function openTab(port: number) {
  const options = optionsFor({ host: '127.0.0.1', port });
  const pusher = new Pusher(APP.key, { ...options, wsPath: `/t/${randomUUID()}` });
  cleanups.push(() => pusher.disconnect());
  const numbers: number[] = [];
  let subscriptions = 0;
  const channel = pusher.subscribe(CHANNEL);
  channel.bind('n', ({ n }: { n: number }) => numbers.push(n));
  channel.bind('pusher:subscription_succeeded', () => (subscriptions += 1));
  await expect.poll(() => subscriptions, { timeout: LONG_MS }).toBe(1);
  return { pusher, numbers, subscriptions: () => subscriptions };
}

const publisherTo = (port: number) => {
  const sdk = sdkFor({ host: '127.0.0.1', port });
  let published = 0;
  return {
    get last() {
      return published;
    },
    async publish(count: number): Promise<void> {
      for (let at = 0; at < count; at += 1) {
        published += 1;
        await sdk.trigger(CHANNEL, 'n', { n: published });
      }
    },
  };
};

const upTo = (last: number): number[] => Array.from({ length: last }, (_, at) => at + 1);

/** Each number once in the order of its first arrival. */
const firsts = (numbers: readonly number[]): number[] => [...new Set(numbers)];

describe('one node', () => {
  test(
    '13.5 a cut connection loses nothing; what comes twice is what had no receipt',
    async () => {
      const server = await startServer(APP_VARIABLES);
      cleanups.push(() => server.close());
      const { front, port } = await openFront(server.port);
      const tab = await openTab(port);
      const publisher = publisherTo(server.port);
      for (let round = 1; round <= 3; round += 1) {
        await publisher.publish(3);
        await expect.poll(() => tab.numbers.includes(publisher.last)).toBe(true);
        front.cut();
        await inState(tab.pusher, 'connecting');
        await publisher.publish(3);
        await expect.poll(() => tab.subscriptions(), { timeout: LONG_MS }).toBe(round + 1);
        await expect.poll(() => tab.numbers.includes(publisher.last)).toBe(true);
      }
      expect(firsts(tab.numbers)).toEqual(upTo(18));
    },
    LONG_MS,
  );

  test(
    '13.4 with WAVEHALL_RESUME_AFTER_CUT=sent nothing comes twice',
    async () => {
      const server = await startServer({ ...APP_VARIABLES, WAVEHALL_RESUME_AFTER_CUT: 'sent' });
      cleanups.push(() => server.close());
      const { front, port } = await openFront(server.port);
      const tab = await openTab(port);
      const publisher = publisherTo(server.port);
      await publisher.publish(5);
      await expect.poll(() => tab.numbers.length).toBe(5);
      front.cut();
      await inState(tab.pusher, 'connecting');
      await publisher.publish(5);
      await expect.poll(() => tab.numbers.includes(10), { timeout: LONG_MS }).toBe(true);
      expect(tab.numbers).toEqual(upTo(10));
    },
    LONG_MS,
  );

  test(
    '13.5 Echo hears what it missed in its own listeners',
    async () => {
      const server = await startServer(APP_VARIABLES);
      cleanups.push(() => server.close());
      const { front, port } = await openFront(server.port);
      const options = { ...optionsFor({ host: '127.0.0.1', port }), wsPath: `/t/${randomUUID()}` };
      const echo = newEcho('reverb', { ...options, key: APP.key, Pusher, withoutInterceptors: true });
      cleanups.push(() => echo.disconnect());
      const heard: number[] = [];
      let subscriptions = 0;
      echo
        .channel(CHANNEL)
        .listen('.n', ({ n }: { n: number }) => heard.push(n))
        .subscribed(() => (subscriptions += 1));
      await expect.poll(() => subscriptions, { timeout: LONG_MS }).toBe(1);
      front.cut();
      await publisherTo(server.port).publish(3);
      await expect.poll(() => subscriptions, { timeout: LONG_MS }).toBe(2);
      await expect.poll(() => heard).toEqual([1, 2, 3]);
    },
    LONG_MS,
  );
});

describe('several nodes', () => {
  const openCluster = async (): Promise<Cluster> => {
    const cluster = await Cluster.start({ nodes: 2 });
    cleanups.push(() => cluster.close());
    return cluster;
  };

  test(
    '13.4 another node continues for a tab whose connection was cut',
    async () => {
      const cluster = await openCluster();
      const [one, other] = [cluster.node(0), cluster.node(1)];
      const { front, port } = await openFront(one.server.port);
      const tab = await openTab(port);
      const publisher = publisherTo(other.server.port);
      await publisher.publish(5);
      await expect.poll(() => tab.numbers.length).toBe(5);
      front.target = other.server.port;
      front.cut();
      await publisher.publish(5);
      await expect.poll(() => tab.subscriptions(), { timeout: LONG_MS }).toBe(2);
      await publisher.publish(1);
      await expect.poll(() => tab.numbers.includes(11)).toBe(true);
      expect(firsts(tab.numbers)).toEqual(upTo(11));
    },
    LONG_MS,
  );

  test(
    '13.4 another node continues, from the last beat, for a tab whose node was killed',
    async () => {
      const cluster = await openCluster();
      const [one, other] = [cluster.node(0), cluster.node(1)];
      const { front, port } = await openFront(one.server.port);
      const tab = await openTab(port);
      const publisher = publisherTo(other.server.port);
      await publisher.publish(3);
      await expect.poll(() => tab.numbers.length).toBe(3);
      await expect
        .poll(() => redisCli(['-p', `${cluster.redis.port}`, 'keys', '*:t:*']), { timeout: LONG_MS })
        .not.toBe('\n');
      front.target = other.server.port;
      await one.kill();
      await publisher.publish(5);
      await expect.poll(() => tab.subscriptions(), { timeout: LONG_MS }).toBe(2);
      await expect.poll(() => tab.numbers.includes(8)).toBe(true);
      expect(firsts(tab.numbers)).toEqual(upTo(8));
    },
    LONG_MS,
  );
});
