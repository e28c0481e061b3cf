import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Redis } from 'ioredis';
import { run } from '../cli/command.ts';
import { freePort } from '../support/free-port.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { eventually } from '../support/wire.ts';
import { channelOf, openNode, nodeOptions } from './redis-node.ts';

const ORDERS = channelOf('orders');
const PREFIX = 'wavehall:';

/** Runs the start, which must fail with one line of error and no secret in it; returns that line. */
async function refusal(env: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await run(['start'], { REVERB_SCALING_ENABLED: 'true', ...env });
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).not.toMatch(/hush/);
  const sentences = [...stderr.matchAll(/^wavehall: (.+)$/gm)].map(([, sentence]) => sentence);
  expect(sentences).toHaveLength(1);
  return sentences[0] ?? '';
}

async function execute(redis: TestRedis, ...commands: readonly (readonly string[])[]): Promise<void> {
  const client = new Redis({ port: redis.port, password: 'hush-hush' });
  for (const [name = '', ...rest] of commands) await client.call(name, ...rest);
  client.disconnect();
}

const setUser = (...rules: string[]): string[] => ['ACL', 'SETUSER', 'u', 'reset', 'on', '>hush', ...rules];
const EVERYTHING = [`~${PREFIX}*`, `&${PREFIX}*`, '+@all'];

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis(['--requirepass', 'hush-hush'])));
afterAll(() => redis.close());

describe('refuses to start', () => {
  const at = (rest: Record<string, string> = {}): Record<string, string> => ({
    REDIS_PORT: `${redis.port}`,
    REDIS_PASSWORD: 'hush-hush',
    ...rest,
  });

  test('8.11 when no server answers', async () => {
    const port = await freePort();
    expect(await refusal({ REDIS_PORT: `${port}` })).toBe(
      `Redis cannot be reached at 127.0.0.1:${port} (ECONNREFUSED): check REDIS_URL, or REDIS_HOST, REDIS_PORT and REDIS_SCHEME`,
    );
    expect(await refusal({ WAVEHALL_REDIS_CLUSTER: `127.0.0.1:${port}` })).toMatch(
      /check WAVEHALL_REDIS_CLUSTER$/,
    );
  });

  test('8.11 when a server accepts connections and does not answer', async () => {
    const unresponsive = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(unresponsive, 'listening');
    expect(await refusal({ REDIS_PORT: String(portOf(unresponsive)) })).toMatch(/^Redis cannot be reached/);
    unresponsive.close();
  });

  test('8.11 with a wrong password, a missing one, or a wrong one in a URL', async () => {
    const wrong = 'Redis refuses the login: check REDIS_PASSWORD, and REDIS_USERNAME if there is one';
    expect(await refusal(at({ REDIS_PASSWORD: 'hush' }))).toBe(wrong);
    expect(await refusal({ REDIS_URL: `redis://:hush@127.0.0.1:${redis.port}` })).toBe(wrong);
    expect(await refusal(at({ REDIS_PASSWORD: '' }))).toBe('Redis asks for a password: set REDIS_PASSWORD');
  });

  test.each([
    { rules: [...EVERYTHING, '-hincrby'], expected: /may not run HINCRBY: allow it/ },
    { rules: [...EVERYTHING, '-zadd', '-del'], expected: /may not run ZADD, DEL: allow it/ },
    { rules: [...EVERYTHING, '-eval'], expected: /may not run EVAL: allow it/ },
    { rules: [...EVERYTHING, '-info'], expected: /may not run INFO: allow it/ },
    { rules: [...EVERYTHING, '-subscribe'], expected: /may not run SUBSCRIBE: allow it/ },
    { rules: [...EVERYTHING, '-unsubscribe'], expected: /may not run UNSUBSCRIBE: allow it/ },
    { rules: [...EVERYTHING, '-publish'], expected: /may not run PUBLISH: allow it/ },
    { rules: ['~other:*', `&${PREFIX}*`, '+@all'], expected: /keys that begin with WAVEHALL_REDIS_PREFIX/ },
    {
      rules: [`~${PREFIX}*`, 'resetchannels', '+@all'],
      expected: /channels that begin with WAVEHALL_REDIS_PREFIX/,
    },
  ])('8.11 for a Redis user with $rules', async ({ rules, expected }) => {
    await execute(redis, setUser(...rules));
    expect(await refusal(at({ REDIS_USERNAME: 'u', REDIS_PASSWORD: 'hush' }))).toMatch(expected);
  });

  test('8.11 when Redis is too old', async () => {
    const old = await oldRedis('5.0.14');
    expect(await refusal({ REDIS_PORT: String(portOf(old)) })).toBe(
      'Redis 5.0.14 is too old: 6.2 or newer is needed',
    );
    old.close();
  });

  test('8.11 with a database that does not exist, or a server that is not a Cluster', async () => {
    expect(await refusal(at({ REDIS_DB: '99' }))).toMatch(/check REDIS_DB$/);
    expect(await refusal(at({ WAVEHALL_REDIS_CLUSTER: `127.0.0.1:${redis.port}` }))).toMatch(
      /in place of WAVEHALL_REDIS_CLUSTER$/,
    );
  });

  test('8.11 when Redis accepts no more connections', async () => {
    await execute(redis, ['CONFIG', 'SET', 'maxclients', '1']);
    const first = new Redis({ port: redis.port, password: 'hush-hush' });
    await first.ping();
    expect(await refusal(at())).toMatch(/raise maxclients in Redis$/);
    await first.config('SET', 'maxclients', '1000');
    first.disconnect();
  });
});

const portOf = (server: Server): number => (server.address() as { port: number }).port;

/** A server that answers HELLO and INFO as an old Redis without RESP3. */
async function oldRedis(version: string): Promise<Server> {
  const info = `redis_version:${version}\r\nmaxmemory_policy:noeviction\r\nloading:0\r\n`;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      for (const [, name] of data.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
        const lower = name?.toLowerCase();
        if (lower === 'hello') socket.write("-ERR unknown command 'HELLO'\r\n");
        else if (lower === 'info') socket.write(`$${info.length}\r\n${info}\r\n`);
        else socket.write('+OK\r\n');
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('a running node', () => {
  let installations = 0;
  const warningsOf = (node: Awaited<ReturnType<typeof openNode>>): string[] =>
    node.logger.warnings.map(({ message }) => message);

  /** Runs `broken`, publishes until Redis refuses, runs `restored`, publishes until Redis accepts; returns the warnings. */
  async function breakAndRestore(
    user: object,
    broken: string[][],
    restored: string[][],
    warningCount = 1,
  ): Promise<string[]> {
    const node = await openNode(
      nodeOptions({ port: redis.port, keyPrefix: `${PREFIX}${(installations += 1)}:`, ...user }),
    );
    const publish = () => node.broker.publish(ORDERS, { payload: 'x' }, { size: 10, ttlSeconds: 60 });
    await publish();
    await execute(redis, ...broken);
    await eventually(
      () =>
        publish().then(
          () => false,
          () => true,
        ),
      'Redis refuses',
    );
    for (let again = 0; again < 20; again += 1)
      await expect(publish()).rejects.toMatchObject({ name: 'Unavailable' });
    expect(node.isReady()).toBe(false);
    await eventually(() => warningsOf(node).length === warningCount, 'it is logged');
    await execute(redis, ...restored);
    await eventually(
      () =>
        publish().then(
          () => true,
          () => false,
        ),
      'Redis accepts it again',
      15_000,
    );
    await node.ready();
    return warningsOf(node);
  }

  test('8.11 logs once that Redis is full, and once that it accepts commands again', async () => {
    const policy = ['CONFIG', 'SET', 'maxmemory', '1'];
    expect(
      await breakAndRestore({ password: 'hush-hush' }, [policy], [['CONFIG', 'SET', 'maxmemory', '0']]),
    ).toEqual([
      'Redis refuses commands: Redis is full: raise maxmemory in Redis. Until it accepts them, publishes may be answered with 503, and /up and /ready are',
      'Redis accepts commands again',
    ]);
  });

  test('8.11 logs once that a command is no longer allowed, and once that it is allowed again', async () => {
    await execute(redis, setUser(...EVERYTHING));
    const user = { username: 'u', password: 'hush' };
    expect(
      await breakAndRestore(user, [setUser(...EVERYTHING, '-evalsha')], [setUser(...EVERYTHING)]),
    ).toEqual([
      'Redis refuses commands: the Redis user may not run EVALSHA: allow it (ACL). Until it accepts them, publishes may be answered with 503, and /up and /ready are',
      'Redis accepts commands again',
    ]);
  });

  test('8.11 logs once that the password was changed, and once that it is accepted again', async () => {
    await execute(redis, setUser(...EVERYTHING));
    const change = [
      ['ACL', 'SETUSER', 'u', 'resetpass', '>other'],
      ['CLIENT', 'KILL', 'USER', 'u'],
    ];
    const restore = [['ACL', 'SETUSER', 'u', '>hush']];
    expect(await breakAndRestore({ username: 'u', password: 'hush' }, change, restore, 2)).toEqual([
      'Lost the connection to Redis: until it is back, publishes, /up and /ready are answered with 503 and new subscriptions are refused; connected clients stay. Check Redis and the network',
      'Cannot reconnect to Redis: Redis refuses the login: check REDIS_PASSWORD, and REDIS_USERNAME if there is one',
      'Reconnected to Redis',
    ]);
  });
});
