/** Real Redis servers behind the URL of a queue: TLS, a socket, a cluster, a login. */
import { join } from 'node:path';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startTlsRedis } from '../support/redis-tls.ts';
import { ClusterRedis } from '../support/redis-topology.ts';
import { deliver, endpointOf } from './deliver.ts';
import { trust } from './tls-receiver.ts';

vi.setConfig({ testTimeout: 60_000 });

const sendTo = (url: string) => deliver([endpointOf('q', url)]).webhooks.test('q');

async function redisWith(args: readonly string[] = []): Promise<TestRedis> {
  const redis = await startRedis(args);
  onTestFinished(() => redis.close());
  return redis;
}

async function lengthOf(port: number, key: string, password?: string): Promise<number> {
  const client = new Redis({ host: '127.0.0.1', port, ...(password === undefined ? {} : { password }) });
  onTestFinished(() => client.disconnect());
  return client.llen(key);
}

test('9.8 rediss:// uses TLS: a trusted certificate is accepted, another refused with its reason', async () => {
  const servers = await startTlsRedis();
  onTestFinished(() => servers.close());
  const { redis, tlsPort, certificate } = servers;
  const url = `rediss://127.0.0.1:${tlsPort}/queue:tls`;
  expect(await sendTo(url)).toMatchObject({ isDelivered: false, reason: expect.stringMatching(/CERT/) });
  trust(readFileSync(certificate, 'utf8'));
  expect(await sendTo(url)).toEqual({ isDelivered: true });
  expect(await lengthOf(redis.port, 'queues:tls')).toBe(1);
});

test('9.8 unix:// uses a socket', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wavehall-socket-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const socket = join(folder, 'redis.sock');
  const redis = await redisWith(['--unixsocket', socket]);
  expect(await sendTo(`unix://${socket}/0/queue:socket`)).toEqual({ isDelivered: true });
  expect(await lengthOf(redis.port, 'queues:socket')).toBe(1);
});

test('9.8 a Redis Cluster that has the queue on another node gives that as the reason', async () => {
  const cluster = await ClusterRedis.start();
  onTestFinished(() => cluster.close());
  const results = await Promise.all(
    cluster.group.addresses.map(({ host, port }) => sendTo(`redis://${host}:${port}/queue:hooks`)),
  );
  expect(results).toContainEqual(
    expect.objectContaining({ isDelivered: false, reason: expect.stringMatching(/^MOVED /) }),
  );
});

test('9.8 a wrong password, a missing one and a full Redis give their reasons, without a secret', async () => {
  const redis = await redisWith(['--requirepass', 's3cret']);
  const at = `127.0.0.1:${redis.port}/queue:a`;
  expect(await sendTo(`redis://:s3cret@${at}`)).toEqual({ isDelivered: true });
  expect(await sendTo(`redis://:wr0ng@${at}`)).toMatchObject({
    reason: expect.stringMatching(/: WRONGPASS/),
  });
  expect(await sendTo(`redis://${at}`)).toMatchObject({ reason: expect.stringMatching(/NOAUTH/) });
  const client = new Redis({ host: '127.0.0.1', port: redis.port, password: 's3cret' });
  onTestFinished(() => client.disconnect());
  await client.set('queues:b', 'text');
  expect(await sendTo(`redis://:s3cret@127.0.0.1:${redis.port}/queue:b`)).toMatchObject({
    reason: expect.stringMatching(/^WRONGTYPE/),
  });
  await client.config('SET', 'maxmemory', '1');
  const full = await sendTo(`redis://:s3cret@${at}`);
  expect(full).toMatchObject({ isDelivered: false, reason: expect.stringMatching(/^OOM/) });
});
