import { onTestFinished } from 'vitest';
import type { ChannelRef } from '../../src/core/ports.ts';
import { openRedisStores, type RedisOptions } from '../../src/stores/redis/index.ts';
import { FakeJournal } from '../core/fakes.ts';
import type { Delivery } from '../contracts/capabilities.ts';
import { eventually } from '../support/wire.ts';

let opened = 0;

/** What every node of these tests is told of Redis, besides where it is. */
export const usual = (options: Partial<RedisOptions> = {}): RedisOptions => ({
  host: '127.0.0.1',
  port: 1,
  database: 0,
  tls: false,
  keyPrefix: `wavehall:${opened++}:`,
  partitions: 16,
  leaseMs: 2000,
  commandTimeoutMs: 1000,
  ...options,
});

/** The stores of one node, with what arrived there; closed when the test is over. */
export async function openNode(options: RedisOptions) {
  const journal = new FakeJournal();
  const stores = await openRedisStores(options, journal);
  onTestFinished(() => stores.close());
  const deliveries: Delivery[] = [];
  await stores.broker.start((ref, event) => deliveries.push({ ref, event }));
  const payloads = (channel: string): string[] =>
    deliveries.filter(({ ref }) => ref.channel === channel).map(({ event }) => event.payload);
  return {
    ...stores,
    journal,
    deliveries,
    payloads,
    /** Publishes until Redis takes it; resolves with how often it was refused. */
    async insist(ref: ChannelRef, payload: string, limitMs = 15_000): Promise<number> {
      let refusals = -1;
      await eventually(
        () => {
          refusals += 1;
          return stores.broker.publish(ref, { payload }, { size: 100, ttlSeconds: 60 }).then(
            () => true,
            () => false,
          );
        },
        `Redis takes ${payload}`,
        limitMs,
      );
      return refusals;
    },
    ready: (limitMs = 15_000) => eventually(() => stores.isReady(), 'the node is ready', limitMs),
  };
}

export const channel = (name: string): ChannelRef => ({ app: 'a', channel: name });

export const member = (id: string) => ({ id, userId: id, infoJson: undefined });
