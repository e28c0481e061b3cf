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

/** How the command ends when Redis is not as it should be: at once, with one sentence, without a secret. */
async function refusal(env: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await run(['start'], { REVERB_SCALING_ENABLED: 'true', ...env });
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).not.toMatch(/hush/);
  const sentences = [...stderr.matchAll(/^wavehall: (.+)$/gm)].map(([, sentence]) => sentence);
  expect(sentences).toHaveLength(1);
  return sentences[0] ?? '';
}

async function tell(redis: TestRedis, ...commands: readonly (readonly string[])[]): Promise<void> {
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

  test('8.11 when a server accepts connections and answers nothing', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    expect(await refusal({ REDIS_PORT: String(portOf(silent)) })).toMatch(/^Redis cannot be reached/);
    silent.close();
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
    await tell(redis, setUser(...rules));
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
    await tell(redis, ['CONFIG', 'SET', 'maxclients', '1']);
    const first = new Redis({ port: redis.port, password: 'hush-hush' });
    await first.ping();
    expect(await refusal(at())).toMatch(/raise maxclients in Redis$/);
    await first.config('SET', 'maxclients', '1000');
    first.disconnect();
  });
});

const portOf = (server: Server): number => (server.address() as { port: number }).port;

/** Enough of a Redis of before RESP3 to be asked how old it is. */
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

describe('while it runs', () => {
  let installations = 0;
  const words = (node: Awaited<ReturnType<typeof openNode>>): string[] =>
    node.logger.warnings.map(({ message }) => message);

  /** Breaks something, publishes until it is refused, mends it, publishes until it is taken: two lines in the log. */
  async function suffers(user: object, broken: string[][], mended: string[][], told = 1): Promise<string[]> {
    const node = await openNode(
      nodeOptions({ port: redis.port, keyPrefix: `${PREFIX}${(installations += 1)}:`, ...user }),
    );
    const publish = () => node.broker.publish(ORDERS, { payload: 'x' }, { size: 10, ttlSeconds: 60 });
    await publish();
    await tell(redis, ...broken);
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
    await eventually(() => words(node).length === told, 'it is told of');
    await tell(redis, ...mended);
    await eventually(
      () =>
        publish().then(
          () => true,
          () => false,
        ),
      'Redis takes it again',
      15_000,
    );
    await node.ready();
    return words(node);
  }

  test('8.11 logs once that Redis is full, and once that it is over', async () => {
    const policy = ['CONFIG', 'SET', 'maxmemory', '1'];
    expect(await suffers({ password: 'hush-hush' }, [policy], [['CONFIG', 'SET', 'maxmemory', '0']])).toEqual(
      [
        'Redis refuses commands: Redis is full: raise maxmemory in Redis. Until it accepts them, publishes may be answered with 503, and /up and /ready are',
        'Redis accepts commands again',
      ],
    );
  });

  test('8.11 logs once that a command is no longer allowed, and once that it is over', async () => {
    await tell(redis, setUser(...EVERYTHING));
    const user = { username: 'u', password: 'hush' };
    expect(await suffers(user, [setUser(...EVERYTHING, '-evalsha')], [setUser(...EVERYTHING)])).toEqual([
      'Redis refuses commands: the Redis user may not run EVALSHA: allow it (ACL). Until it accepts them, publishes may be answered with 503, and /up and /ready are',
      'Redis accepts commands again',
    ]);
  });

  test('8.11 logs once that the password was changed, and once that it is over', async () => {
    await tell(redis, setUser(...EVERYTHING));
    const change = [
      ['ACL', 'SETUSER', 'u', 'resetpass', '>other'],
      ['CLIENT', 'KILL', 'USER', 'u'],
    ];
    const back = [['ACL', 'SETUSER', 'u', '>hush']];
    expect(await suffers({ username: 'u', password: 'hush' }, change, back, 2)).toEqual([
      'Lost the connection to Redis: until it is back, publishes, /up and /ready are answered with 503 and new subscriptions are refused; connected clients stay. Check Redis and the network',
      'Cannot reconnect to Redis: Redis refuses the login: check REDIS_PASSWORD, and REDIS_USERNAME if there is one',
      'Reconnected to Redis',
    ]);
  });
});
