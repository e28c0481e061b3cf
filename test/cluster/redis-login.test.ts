import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Redis } from 'ioredis';
import type { RedisOptions } from '../../src/stores/redis/index.ts';
import { startCluster } from '../support/redis-groups.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startTlsRedis, type TlsRedis } from '../support/redis-tls.ts';
import { wishesOf } from '../contracts/outbox.ts';
import { channelOf, exerciseAllPorts, member, openNode, nodeOptions } from './redis-node.ts';

const SOURCES = new URL('../../src/stores/redis/', import.meta.url);
const ORDERS = channelOf('orders');
const PRESENCE = channelOf('presence-room');

async function withClient<T>(
  redis: TestRedis,
  use: (client: Redis) => Promise<T>,
  password?: string,
): Promise<T> {
  const client = new Redis({ port: redis.port, ...(password === undefined ? {} : { password }) });
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}

/** Reads the ACL rules from the documentation of the source. */
function aclLine(isCluster: boolean, hasWebhooks = true): string[] {
  const source = readFileSync(new URL('health/preflight.ts', SOURCES), 'utf8').replace(/^ \* ?/gm, '');
  const block = /^ +user wavehall on >secret ((?:.+\n)+)/m.exec(source)?.[1];
  const more = /in place of subscribe, unsubscribe, publish: ((?:[^.]+\n?)+)\./.exec(source)?.[1];
  const webhooks = /with webhooks also: ([^;]+);/.exec(source)?.[1];
  if (block === undefined || more === undefined || webhooks === undefined)
    throw new Error('The documentation has no ACL line');
  const words = `${block} ${hasWebhooks ? webhooks : ''}`.trim().split(/\s+/);
  if (!isCluster) return words;
  return [
    ...words.filter((word) => !/^\+(un)?subscribe$|^\+publish$/.test(word)),
    ...more.trim().split(/\s+/),
  ];
}

describe('credentials and permissions', () => {
  let redis: TestRedis;
  beforeAll(async () => void (redis = await startRedis(['--requirepass', 'hush'])));
  afterAll(() => redis.close());

  test('3.13 logs in with a password', () =>
    exerciseAllPorts(nodeOptions({ port: redis.port, password: 'hush' })));

  test('3.13 the permissions in the documentation are sufficient', async () => {
    await withClient(
      redis,
      (client) => client.call('ACL', 'SETUSER', 'wavehall', 'on', '>secret', ...aclLine(false)),
      'hush',
    );
    await exerciseAllPorts(nodeOptions({ port: redis.port, username: 'wavehall', password: 'secret' }));
    const log = await withClient(redis, (client) => client.call('ACL', 'LOG'), 'hush');
    expect(log).toEqual([]);
  });

  test('9.6 a node with webhooks names the rights that it lacks, one without needs none of them', async () => {
    await withClient(
      redis,
      (client) => client.call('ACL', 'SETUSER', 'plain', 'on', '>secret', ...aclLine(false, false)),
      'hush',
    );
    const options = nodeOptions({ port: redis.port, username: 'plain', password: 'secret' });
    await openNode(options);
    await expect(openNode({ ...options, webhooks: wishesOf() })).rejects.toThrow(
      /may not run XGROUP, XADD, .*XTRIM/,
    );
  });

  test('3.13 keys and channels stay in their database and begin with the prefix', async () => {
    const options = nodeOptions({ port: redis.port, password: 'hush', database: 3, keyPrefix: 'mine:' });
    const node = await openNode(options);
    await node.broker.subscribe(ORDERS);
    await node.broker.publish(ORDERS, { payload: 'x' }, { size: 1, ttlSeconds: 60 });
    await node.membership.join(PRESENCE, { subscriptions: 1, member: member('1'), socketId: '1.1' });
    const [keys, channels, elsewhere] = await withClient(
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

  test('3.13 the permission check tries every command that a script uses', () => {
    const folder = new URL('lua/', SOURCES);
    const check = 'server/check-permissions.lua';
    const commandsIn = (file: string, pattern: RegExp): string[] =>
      [...readFileSync(new URL(file, folder), 'utf8').matchAll(pattern)].map(([, name = '']) => name);
    const used = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.lua') && file !== check)
      .flatMap((file) => commandsIn(file, /redis\.p?call\('([A-Z]+)'/g));
    const tried = new Set(commandsIn(check, /^ *try\('([A-Z]+)'/gm));
    expect(used.length).toBeGreaterThan(20);
    expect([...new Set(used)].filter((name) => !tried.has(name))).toEqual([]);
    const allowed = new Set(aclLine(false).map((word) => word.slice(1).toUpperCase()));
    expect([...tried].filter((name) => !allowed.has(name))).toEqual([]);
  });
});

test('3.13 on a Cluster, the permissions in the documentation are sufficient', async () => {
  const cluster = await startCluster();
  try {
    for (const server of cluster.masters)
      await withClient(server, (client) =>
        client.call('ACL', 'SETUSER', 'wavehall', 'on', '>secret', ...aclLine(true)),
      );
    await exerciseAllPorts(
      nodeOptions({ cluster: cluster.addresses, username: 'wavehall', password: 'secret' }),
    );
    for (const server of cluster.masters)
      expect(await withClient(server, (client) => client.call('ACL', 'LOG'))).toEqual([]);
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
    nodeOptions({ port: secured.tlsPort, tls: true, ...options });

  test('3.13 trusts a given certificate', () =>
    exerciseAllPorts(secure({ tlsCa: readFileSync(secured.certificate, 'utf8') })));

  test('3.13 trusts any certificate when verification is off', () =>
    exerciseAllPorts(secure({ tlsVerify: false })));

  test('3.13 refuses an unknown certificate and names the setting', async () => {
    await expect(openNode(secure())).rejects.toThrow(/not trusted \(self-signed\).*WAVEHALL_REDIS_TLS_CA/);
  });

  test('3.13 names REDIS_SCHEME when TLS is used on a plain port, or not used on a TLS port', async () => {
    await expect(openNode(nodeOptions({ port: secured.redis.port, tls: true }))).rejects.toThrow(
      /REDIS_SCHEME/,
    );
    await expect(openNode(nodeOptions({ port: secured.tlsPort }))).rejects.toThrow(/REDIS_SCHEME/);
  });
});
