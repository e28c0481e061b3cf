import type { Options } from 'pusher-js';
import { expect, onTestFinished } from 'vitest';
import { sdkFor } from '../../clients/sdk.ts';
import { optionsFor, Pusher, subscribeTo } from '../../clients/stock-clients.ts';
import { APP } from '../../support/app.ts';
import { childrenOf } from '../../support/processes.ts';
import type { TestRedis } from '../../support/redis.ts';
import type { TestServer } from '../../support/server.ts';
import { LONG_MS, openClient, operate, operated, PATIENT, startOperated } from '../operated-server.ts';

const RESTARTS = 3;
const CHANNELS = ['orders', 'news'];
const TABS = 4;
/** Sockets that make the drain last: 50 are closed at once. */
const OTHERS = 250;

/** A tab on both channels: the numbers that it received on each, and how often it connected. */
interface Tab {
  connects: number;
  readonly gaps: string[];
  readonly numbers: Map<string, number[]>;
}

async function openTab(server: TestServer, options: Partial<Options>): Promise<Tab> {
  const client = new Pusher(APP.key, { ...optionsFor(server), ...options });
  onTestFinished(() => client.disconnect());
  const tab: Tab = { connects: 0, gaps: [], numbers: new Map() };
  client.connection.bind('connected', () => (tab.connects += 1));
  for (const name of CHANNELS) {
    const numbers: number[] = [];
    tab.numbers.set(name, numbers);
    const { channel } = await subscribeTo(client, name);
    channel.bind('n', ({ n }: { n: number }) => numbers.push(n));
    channel.bind('wavehall:gap', ({ reason }: { reason: string }) => tab.gaps.push(reason));
  }
  return tab;
}

/** Publishes numbers to both channels, one after another, until it is stopped. */
function publishNumbers(server: TestServer) {
  const sdk = sdkFor(server);
  const failures: string[] = [];
  let [last, isStopping] = [0, false];
  const publishing = (async () => {
    while (!isStopping) {
      last += 1;
      await sdk
        .trigger(CHANNELS, 'n', { n: last })
        .catch((error: unknown) => failures.push(JSON.stringify(error)));
    }
  })();
  return async () => {
    isStopping = true;
    await publishing;
    return { last, failures };
  };
}

/**
 * Restarts a server of one process several times while numbers are published. Expects that no publish fails, that each tab gets
 * each number once and in order, and moves at most twice for each restart.
 */
export async function restartUnderLoad(
  redis: TestRedis | undefined,
  optionsOfTab: () => Partial<Options>,
): Promise<void> {
  const server = await startOperated({
    ...operated(redis),
    ...PATIENT,
    WAVEHALL_DRAIN_SECONDS: '2',
    WAVEHALL_HISTORY_SIZE: '10000',
  });
  await Promise.all(Array.from({ length: OTHERS }, () => openClient(server)));
  const tabs = await Promise.all(Array.from({ length: TABS }, () => openTab(server, optionsOfTab())));
  const stop = publishNumbers(server);
  const pids = new Set<number>();
  for (let restart = 1; restart <= RESTARTS; restart += 1) {
    const { code, stderr } = await operate(server, ['restart']);
    expect([code, stderr]).toEqual([0, '']);
    for (const pid of childrenOf(server.pid)) pids.add(pid);
  }
  const { last, failures } = await stop();
  const hasAll = (tab: Tab) => [...tab.numbers.values()].every((n) => n.at(-1) === last);
  await expect.poll(() => tabs.every(hasAll), { timeout: LONG_MS }).toBe(true);
  console.log(`${last} publishes; tabs connected ${tabs.map(({ connects }) => connects).join(', ')} times`);
  expect([failures, tabs.flatMap(({ gaps }) => gaps)], server.output()).toEqual([[], []]);
  const expected = Array.from({ length: last }, (__, at) => at + 1);
  for (const [at, { numbers }] of tabs.entries())
    for (const [name, each] of numbers) expect(each, `tab ${at} on ${name}`).toEqual(expected);
  expect(Math.max(...tabs.map(({ connects }) => connects))).toBeLessThanOrEqual(1 + 2 * RESTARTS);
  expect(pids.size).toBe(RESTARTS);
}
