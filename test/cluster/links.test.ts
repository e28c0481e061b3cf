import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Redis } from 'ioredis';
import type { RedisOptions } from '../../src/stores/redis/index.ts';
import { startCluster } from '../support/redis-groups.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startTlsRedis, type TlsRedis } from '../support/redis-tls.ts';
import { channel, exerciseAllPorts, member, openNode, usual } from './stores.ts';

const SOURCES = new URL('../../src/stores/redis/', import.meta.url);
const ORDERS = channel('orders');
const ROOM = channel('presence-room');

async function ask<T>(
  redis: TestRedis,
  question: (client: Redis) => Promise<T>,
  password?: string,
): Promise<T> {
  const client = new Redis({ port: redis.port, ...(password === undefined ? {} : { password }) });
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}

/** As the documentation gives it. */
function aclLine(isCluster: boolean): string[] {
  const source = readFileSync(new URL('health/preflight.ts', SOURCES), 'utf8').replace(/^ \* ?/gm, '');
  const block = /^ +user wavehall on >secret ((?:.+\n)+)/m.exec(source)?.[1];
  const more = /in place of subscribe, unsubscribe, publish: ((?:[^.]+\n?)+)\./.exec(source)?.[1];
  if (block === undefined || more === undefined) throw new Error('The documentation has no ACL line');
  const words = block.trim().split(/\s+/);
  if (!isCluster) return words;
  return [
    ...words.filter((word) => !/^\+(un)?subscribe$|^\+publish$/.test(word)),
    ...more.trim().split(/\s+/),
  ];
}

describe('who we are', () => {
  let redis: TestRedis;
  beforeAll(async () => void (redis = await startRedis(['--requirepass', 'hush'])));
  afterAll(() => redis.close());

  test('3.13 a password opens Redis', () => exerciseAllPorts(usual({ port: redis.port, password: 'hush' })));

  test('3.13 a user who may do no more than the documentation says can do everything', async () => {
    await ask(
      redis,
      (client) => client.call('ACL', 'SETUSER', 'wavehall', 'on', '>secret', ...aclLine(false)),
      'hush',
    );
    await exerciseAllPorts(usual({ port: redis.port, username: 'wavehall', password: 'secret' }));
    const log = await ask(redis, (client) => client.call('ACL', 'LOG'), 'hush');
    expect(log).toEqual([]);
  });

  test('3.13 keys and channels stay in their database and begin with the prefix', async () => {
    const options = usual({ port: redis.port, password: 'hush', database: 3, keyPrefix: 'mine:' });
    const node = await openNode(options);
    await node.broker.subscribe(ORDERS);
    await node.broker.publish(ORDERS, { payload: 'x' }, { size: 1, ttlSeconds: 60 });
    await node.membership.join(ROOM, { subscriptions: 1, member: member('1'), socketId: '1.1' });
    const [keys, channels, elsewhere] = await ask(
      redis,
      async (client) => {
        const found = await client.pubsub('CHANNELS');
        const others = await client.keys('mine:*');
        await client.select(3);
        return [await client.keys('*'), found as string[], others] as const;
      },
      'hush',
    );
    expect(keys.length).toBeGreaterThan(5);
    expect(channels).not.toEqual([]);
    expect([...keys, ...channels].filter((name) => !name.startsWith('mine:'))).toEqual([]);
    expect(elsewhere).toEqual([]);
  });

  test('3.13 the check of permissions tries every command that a script uses', () => {
    const folder = new URL('lua/', SOURCES);
    const commandsIn = (file: string, pattern: RegExp): string[] =>
      [...readFileSync(new URL(file, folder), 'utf8').matchAll(pattern)].map(([, name = '']) => name);
    const used = readdirSync(folder)
      .filter((file) => file !== 'check-permissions.lua')
      .flatMap((file) => commandsIn(file, /redis\.p?call\('([A-Z]+)'/g));
    const tried = new Set(commandsIn('check-permissions.lua', /^try\('([A-Z]+)'/gm));
    expect(used.length).toBeGreaterThan(20);
    expect([...new Set(used)].filter((name) => !tried.has(name))).toEqual([]);
    const allowed = new Set(aclLine(false).map((word) => word.slice(1).toUpperCase()));
    expect([...tried].filter((name) => !allowed.has(name))).toEqual([]);
  });
});

test('3.13 on a Cluster, a user who may do no more than the documentation says can do everything', async () => {
  const cluster = await startCluster();
  try {
    for (const server of cluster.masters)
      await ask(server, (client) =>
        client.call('ACL', 'SETUSER', 'wavehall', 'on', '>secret', ...aclLine(true)),
      );
    await exerciseAllPorts(usual({ cluster: cluster.addresses, username: 'wavehall', password: 'secret' }));
    for (const server of cluster.masters)
      expect(await ask(server, (client) => client.call('ACL', 'LOG'))).toEqual([]);
  } finally {
    await cluster.close();
  }
});

describe('TLS', () => {
  let secured: TlsRedis;
  beforeAll(async () => {
    secured = await startTlsRedis();
  });
  afterAll(() => secured.close());

  const secure = (options: Partial<RedisOptions> = {}) =>
    usual({ port: secured.tlsPort, tls: true, ...options });

  test('3.13 a certificate that is given is trusted', () =>
    exerciseAllPorts(secure({ tlsCa: readFileSync(secured.certificate, 'utf8') })));

  test('3.13 whoever answers is trusted when that is asked for', () =>
    exerciseAllPorts(secure({ tlsVerify: false })));

  test('3.13 a certificate of nobody is refused, and its setting is named', async () => {
    await expect(openNode(secure())).rejects.toThrow(/not trusted \(self-signed\).*WAVEHALL_REDIS_TLS_CA/);
  });

  test('3.13 TLS to a port without, and none to a port with, name REDIS_SCHEME', async () => {
    await expect(openNode(usual({ port: secured.redis.port, tls: true }))).rejects.toThrow(/REDIS_SCHEME/);
    await expect(openNode(usual({ port: secured.tlsPort }))).rejects.toThrow(/REDIS_SCHEME/);
  });
});
