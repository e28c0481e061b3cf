/** A server whose Redis keys another program has overwritten. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { appAt } from '../support/app.ts';
import { firstScopes } from '../../src/stores/redis/node/installation.ts';
import { Keys } from '../../src/stores/redis/keys.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { channelAuth, publisher } from '../support/wire-http.ts';
import { eventually, Wire } from '../support/wire.ts';

const CHANNEL = 'presence-cache-room';
const credentials = [{ key: 'app-key', secret: 'app-secret' }] as const;
const keys = new Keys('wavehall:', 1, 0, firstScopes([{ id: 'app-id', credentials }]));
const channelKeys = keys.channel({ app: 'app-id', channel: CHANNEL });
const [histories, historyBytes, lasts, lastBytes] = channelKeys.retention.keys;

let redis: TestRedis;
let admin: Redis;
let server: TestServer;
let wire: Wire;
beforeAll(async () => {
  redis = await startRedis();
  admin = new Redis(redis.port);
});
afterAll(async () => {
  admin.disconnect();
  await redis.close();
});
beforeEach(async () => {
  await admin.flushall();
  server = await startServer({
    REVERB_SCALING_ENABLED: 'true',
    REDIS_PORT: `${redis.port}`,
    WAVEHALL_REDIS_PARTITIONS: '1',
    WAVEHALL_LEASE_SECONDS: '2',
  });
  onTestFinished(() => server.close());
  wire = await Wire.open(server, '/app/app-key?protocol=7');
  onTestFinished(async () => {
    await wire.close();
  });
  await readSocketId(wire);
  await subscribe(wire, '1');
});

const app = () => appAt(server);

async function readSocketId(to: Wire): Promise<void> {
  const { data } = await to.first();
  to.socketId = (JSON.parse(String(data)) as { socket_id: string }).socket_id;
}

async function subscribe(to: Wire, id: string): Promise<void> {
  const data = JSON.stringify({ user_id: id });
  const auth = channelAuth(app(), to.socketId, CHANNEL, data);
  to.send({ event: 'pusher:subscribe', data: { channel: CHANNEL, auth, channel_data: data } });
  await to.next('pusher_internal:subscription_succeeded');
}

const publish = async (name: string, channels: readonly string[]): Promise<number> =>
  (
    await publisher(app()).post('/events', {
      name,
      channels,
      data: '"x"',
      info: 'subscription_count,user_count',
    })
  ).status;

type Damage = () => Promise<unknown>;
const replaceType =
  (key: string): Damage =>
  async () => {
    const was = await admin.type(key);
    await admin.del(key);
    await (was === 'string' ? admin.lpush(key, 'garbage') : admin.set(key, 'garbage'));
  };
const damageFields =
  (key: string, ...fields: readonly string[]): Damage =>
  async () => {
    const all = fields.length > 0 ? fields : await admin.hkeys(key);
    for (const field of all) await admin.hset(key, field, 'garbage');
  };

const CASES: readonly (readonly [string, Damage])[] = [
  ...(
    [
      ['history', channelKeys.history],
      ['position', channelKeys.position],
      ['last event', channelKeys.lastEvent],
      ['expiry of histories', histories],
      ['bytes of histories', historyBytes],
      ['expiry of last events', lasts],
      ['bytes of last events', lastBytes],
      ['counts', channelKeys.counts],
      ['nodes per user', channelKeys.nodesPerUser],
      ['roster', channelKeys.members],
      ['version', channelKeys.version],
      ['occupied channels', keys.occupied(0, 'app-id')],
      ['connections', keys.connections('app-id')],
      ['nodes', keys.nodes(0)],
      ['generation', keys.generation(0)],
    ] as const
  ).map(([what, key]) => [`another type: ${what}`, replaceType(key)] as const),
  ['no number: offset', damageFields(channelKeys.position, 'offset')],
  ['no number: base of a generation', damageFields(channelKeys.position, 'base:x')],
  ['no number: counts', damageFields(channelKeys.counts)],
  ['no number: nodes per user', damageFields(channelKeys.nodesPerUser)],
  ['no number: connections', damageFields(keys.connections('app-id'), 'another')],
  ['no number: own connections', damageFields(keys.connections('app-id'))],
  ['no number: version', () => admin.set(channelKeys.version, 'garbage')],
  ['no number: bytes of histories', damageFields(historyBytes)],
  ['no number: generation', damageFields(keys.generation(0), 'generation')],
  ['no number: quiet', damageFields(keys.generation(0), 'quiet')],
  ['no JSON: member', damageFields(channelKeys.members)],
  ['no JSON: a member without a node', damageFields(channelKeys.members, 'unknown')],
  ['no event: last event', () => admin.set(channelKeys.lastEvent, 'garbage', 'EX', 60)],
  ['no event: history', () => admin.rpush(channelKeys.history, 'garbage')],
];

test.each(CASES)(
  '3.13 the server continues to serve every channel with invalid data in a key: %s',
  async (_what, damage) => {
    expect(await publish('before', [CHANNEL, 'other'])).toBe(200);
    await wire.next('before');
    await damage();
    const statuses: number[] = [];
    const requestAll = async (): Promise<void> => {
      for (const path of [
        '/channels',
        `/channels/${CHANNEL}`,
        `/channels/${CHANNEL}/users`,
        '/channels/other',
        '/connections',
      ])
        statuses.push(
          (
            await publisher(app()).get(path, [
              ['info', path === '/channels' ? 'subscription_count' : 'subscription_count,cache'],
            ])
          ).status,
        );
      statuses.push(await publish('meanwhile', ['other']));
    };
    await requestAll();
    const second = await Wire.open(server, '/app/app-key?protocol=7');
    onTestFinished(async () => {
      await second.close();
    });
    await readSocketId(second);
    await subscribe(second, '2');
    await eventually(
      async () => (await publish('after', [CHANNEL, 'other'])) === 200,
      'publishing works again',
      15_000,
    );
    await wire.next('after', 15_000);
    await second.next('after', 15_000);
    await eventually(
      async () => {
        await requestAll();
        const { json } = await publisher(app()).get(`/channels/${CHANNEL}/users`);
        const users = (json as { users?: { id: string }[] }).users ?? [];
        return (
          users
            .map(({ id }) => id)
            .sort()
            .join() === '1,2'
        );
      },
      'both users are listed',
      20_000,
    );
    expect(statuses.filter((status) => status === 500)).toEqual([]);
    expect(server.output()).not.toMatch(/should not have/);
  },
  60_000,
);

test('3.13 logs invalid data with the name of its key, and counts it', async () => {
  await publish('before', [CHANNEL]);
  await replaceType(channelKeys.history)();
  await replaceType(channelKeys.position)();
  expect(await publish('after', [CHANNEL])).toBe(200);
  await eventually(() => server.output().includes('Removed invalid data from a Redis key'), 'it is logged');
  expect(server.output().match(/Removed invalid data from a Redis key/g)).toHaveLength(1);
  expect(server.output()).toContain(channelKeys.position);
});
