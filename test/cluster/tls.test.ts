/** TLS with several servers: to Sentinels and the servers that they name, and to every server of a Cluster. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Redis } from 'ioredis';
import { type SelfSigned, selfSigned } from '../support/certificates.ts';
import { MASTER_NAME, startCluster, startSentinels } from '../support/redis-groups.ts';
import type { RedisOptions } from '../../src/stores/redis/index.ts';
import { eventually } from '../support/wire.ts';
import { channelOf, exerciseAllPorts, openNode, nodeOptions } from './redis-node.ts';

const ORDERS = channelOf('orders');

let tlsFiles: SelfSigned;
beforeAll(() => void (tlsFiles = selfSigned()));
afterAll(() => tlsFiles.remove());

const secure = (options: Partial<RedisOptions>): RedisOptions =>
  nodeOptions({ tls: true, tlsCa: readFileSync(tlsFiles.certificate, 'utf8'), ...options });

/** Expects that events are delivered to another node before and after `disturb`, which disturbs the servers. */
async function expectDeliveryAfter(options: RedisOptions, disturb: () => Promise<void>): Promise<void> {
  const [a, b] = [await openNode(options), await openNode(options)];
  await b.broker.subscribe(ORDERS);
  await a.insist(ORDERS, 'before');
  await disturb();
  await a.insist(ORDERS, 'after', 20_000);
  const state = (): string => JSON.stringify([a, b].map((n) => [n.isReady(), n.deliveries.length, n.logger]));
  await eventually(
    () => b.payloads('orders').includes('after'),
    () => `the other node receives it: ${state()}`,
    20_000,
  );
  expect(b.payloads('orders')).toEqual(['before', 'after']);
}

describe('Sentinels', () => {
  test('3.13 every operation works over TLS, also after a failover', { timeout: 60_000 }, async () => {
    const group = await startSentinels({ tlsFiles });
    try {
      const options = secure({ sentinels: group.addresses, sentinelName: MASTER_NAME });
      await exerciseAllPorts(options);
      // With several servers ioredis does not report what is wrong with a certificate.
      await expect(openNode({ ...options, tlsCa: undefined })).rejects.toThrow(/WAVEHALL_REDIS_SENTINELS/);
      await expectDeliveryAfter(options, async () => {
        const before = await group.master();
        await before.kill();
        await eventually(async () => (await group.master()) !== before, 'the master has changed', 20_000);
      });
    } finally {
      await group.close();
    }
  });
});

describe('a Cluster', () => {
  test(
    '3.13 every operation works over TLS, also after connections were lost',
    { timeout: 60_000 },
    async () => {
      const cluster = await startCluster({ tlsFiles });
      try {
        const options = secure({ cluster: cluster.addresses });
        await exerciseAllPorts(options);
        await expect(openNode({ ...options, tlsCa: undefined })).rejects.toThrow(/WAVEHALL_REDIS_CLUSTER/);
        await expectDeliveryAfter(options, async () => {
          for (const { port } of cluster.masters) await cutAll(port);
        });
      } finally {
        await cluster.close();
      }
    },
  );
});

async function cutAll(port: number): Promise<void> {
  const client = new Redis(port, '127.0.0.1');
  for (const type of ['normal', 'pubsub']) await client.call('CLIENT', 'KILL', 'TYPE', type);
  client.disconnect();
}
