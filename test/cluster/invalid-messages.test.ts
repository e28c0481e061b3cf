import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Redis } from 'ioredis';
import { appAt } from '../support/app.ts';
import { decodeMessage, encodeEvent } from '../../src/stores/redis/events/message-codec.ts';
import { InvalidData } from '../../src/stores/redis/health/invalid-data.ts';
import { firstScopes } from '../../src/stores/redis/node/installation.ts';
import { Keys } from '../../src/stores/redis/keys.ts';
import { FakeLogger } from '../core/fakes.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startServer } from '../support/server.ts';
import { publisher } from '../support/wire-http.ts';
import { eventually, Wire } from '../support/wire.ts';
import { channelOf, member, openNode, nodeOptions } from './redis-node.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const MESSAGES = 100_000;
const BATCH_SIZE = 1000;
const SEED = Number(process.env.WAVEHALL_TEST_SEED ?? 20_261_121);

const event = fc.record({
  payload: fc.string({ unit: 'binary', maxLength: 300 }),
  except: fc.option(fc.constantFrom('1.2', '123456789.987654321'), { nil: undefined }),
});

describe('a pub/sub message', () => {
  const heads = fc.constantFrom('- - 0', 'Abc-_9 1700000000000 1', 'e 2 999999999999999');

  test('3.13 decodes events as they were encoded', () => {
    fc.assert(
      fc.property(heads, fc.array(event, { minLength: 1, maxLength: 5 }), (head, events) => {
        const text = `e ${head} ${events.length}\n${events.map((each) => encodeEvent(each).text).join('')}`;
        const message = decodeMessage(Buffer.from(text));
        const wellFormed = events.map((each) => ({ ...each, payload: Buffer.from(each.payload).toString() }));
        expect(message).toMatchObject({ kind: 'events', events: wellFormed });
      }),
    );
  });

  test('3.13 a message whose length differs from its head is invalid', () => {
    fc.assert(
      fc.property(heads, fc.array(event, { minLength: 1, maxLength: 5 }), fc.nat(), (head, events, cut) => {
        const bytes = Buffer.from(
          `e ${head} ${events.length}\n${events.map((each) => encodeEvent(each).text).join('')}`,
        );
        expect(decodeMessage(bytes.subarray(0, cut % bytes.length))).toBeUndefined();
        expect(decodeMessage(Buffer.concat([bytes, bytes.subarray(0, 1 + (cut % 9))]))).toBeUndefined();
      }),
    );
  });

  test('3.13 decodes any bytes to a complete message or to none, and does not throw', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        fc.constantFrom('', 'e ', 'm ', 'e - - 0 1\n'),
        (tail, head) => {
          const message = decodeMessage(Buffer.concat([Buffer.from(head), tail]));
          if (message?.kind === 'events') expect(message.events.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 20_000 },
    );
  });
});

/** Texts in place of a number in a message. */
const NUMBERS = [
  '0',
  '-1',
  '1e9',
  '00',
  '٣',
  '',
  ' ',
  'NaN',
  '99999999999999999999999',
  '9007199254740993',
  '0x10',
];

/** Generates invalid messages from real ones: random bytes, parts, changed fields, two in one, commands of the control channel. */
function* invalidMessages(valid: readonly Buffer[], seed: number): Generator<Buffer> {
  const random = new SeededRandom(seed);
  const below = (limit: number): number => random.below(limit);
  const one = <T>(all: readonly T[]): T => all[below(all.length)] as T;
  const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => below(256)));
  const kinds: (() => Buffer)[] = [
    () => bytes(below(200)),
    () => {
      const message = one(valid);
      return message.subarray(0, below(message.length));
    },
    () => Buffer.concat([one(valid), bytes(1 + below(20))]),
    () => Buffer.concat([one(valid), one(valid)]),
    () => {
      const [head = '', ...body] = one(valid).toString('latin1').split('\n');
      const fields = head.split(' ');
      const field = below(fields.length);
      const changed = one([...NUMBERS, 'e', 'm', 'x'.repeat(300), bytes(3).toString('latin1')]);
      fields[field] = changed === fields[field] ? 'same' : changed;
      return Buffer.from([fields.join(' '), ...body].join('\n'), 'latin1');
    },
    () =>
      Buffer.from(JSON.stringify({ terminate: one([null, 1, {}, { app: 1, user: 2 }, { app: 'a' }, []]) })),
    () => Buffer.from(JSON.stringify({ call: below(10), terminate: { app: 'app-id', user: 'u' } })),
    () => Buffer.alloc(below(3)),
    // A complete message whose payload is no UTF-8.
    () => Buffer.concat([Buffer.from('e - - 0 1\n3 0 -\n'), Buffer.from([0xff, 0xfe, 0x80 + below(64)])]),
    () => Buffer.from(one(valid).toString('utf8'), 'utf16le'),
    () => Buffer.concat([Buffer.from(`m 1 ${one(NUMBERS)} - - 2\n`), Buffer.from([0xc0, 0x80])]),
    () => Buffer.from(`e ${'9'.repeat(below(40))} ${one(NUMBERS)} ${one(NUMBERS)} ${one(NUMBERS)}\n`),
  ];
  for (let at = 0; at < MESSAGES; at += 1) yield one(kinds)();
}

/** Publishes all invalid messages; resolves when Redis has accepted them. */
async function publishInvalid(
  client: Redis,
  channels: readonly string[],
  valid: readonly Buffer[],
): Promise<void> {
  let batch = client.pipeline();
  let at = 0;
  for (const payload of invalidMessages(valid, SEED)) {
    batch.publish(channels[at % channels.length] ?? '', payload);
    at += 1;
    if (batch.length < BATCH_SIZE) continue;
    await batch.exec();
    batch = client.pipeline();
  }
  await batch.exec();
  expect(at).toBe(MESSAGES);
}

/** Returns the first `count` messages that Redis sends while `act` runs. */
async function recordMessages(
  redis: TestRedis,
  channels: readonly string[],
  act: () => Promise<void>,
  count: number,
) {
  const client = new Redis(redis.port);
  const messages: Buffer[] = [];
  client.on('messageBuffer', (_channel: Buffer, bytes: Buffer) => messages.push(bytes));
  await client.subscribe(...channels);
  await act();
  await eventually(() => messages.length >= count, 'the messages are recorded');
  client.disconnect();
  return messages.slice(0, count);
}

describe('messages of ten megabytes', () => {
  const HUGE = 10 * 1024 * 1024;
  const heads = ['', 'e ', 'e - - 0 1\n', `e - - 0 1\n${HUGE} 0 -\n`, 'm 1 1 - - 9\n', '{"terminate":'];

  test('3.13 are ignored and counted, with any first bytes', () => {
    const logger = new FakeLogger();
    const invalid = new InvalidData(logger);
    for (const head of heads)
      for (const byte of [0x20, 0x39, 0xff])
        if (decodeMessage(Buffer.concat([Buffer.from(head), Buffer.alloc(HUGE - 1, byte)])) === undefined)
          invalid.addMessage('bus');
    expect(invalid.count).toBe(heads.length * 3);
    expect(logger.warnings).toHaveLength(1);
  });
});

describe('100,000 invalid messages', () => {
  let redis: TestRedis;
  let client: Redis;
  beforeAll(async () => {
    redis = await startRedis();
    client = new Redis(redis.port);
  });
  afterAll(async () => {
    client.disconnect();
    await redis.close();
  });

  test(`3.13 are not delivered, are counted, and logged once (seed ${SEED})`, async () => {
    const options = nodeOptions({ port: redis.port, leaseMs: 12_000 });
    const keys = new Keys(options.keyPrefix, options.partitions);
    const node = await openNode(options);
    const [orders, presence, plain] = [channelOf('orders'), channelOf('presence-room'), channelOf('plain')];
    for (const ref of [orders, presence, plain]) await node.broker.subscribe(ref);
    const pubsubChannels = [orders, presence, plain].map((ref) => keys.channel(ref).pubsubChannel);
    const kept = { size: 100, ttlSeconds: 60 };
    const valid = await recordMessages(
      redis,
      pubsubChannels,
      async () => {
        for (const payload of ['one', 'two', 'three ü']) await node.broker.publish(orders, { payload }, kept);
        await node.broker.publish(plain, { payload: 'four', except: '1.2' });
        await node.membership.join(presence, { subscriptions: 1, member: member('1'), socketId: '1.2' });
      },
      5,
    );
    const terminated: string[] = [];
    node.nodeCommands.onTerminate((app, user) => terminated.push(`${app} ${user}`));
    await eventually(() => node.deliveries.length >= 4, 'the valid messages are delivered');
    const known = new Set([...node.deliveries.map((each) => each.event.payload), 'last']);

    await publishInvalid(client, [...pubsubChannels, keys.control()], valid);
    for (const ref of [orders, plain]) await node.broker.publish(ref, { payload: 'last' }, kept);
    await node.nodeCommands.terminate('a', 'last');
    await eventually(() => terminated.includes('a last'), 'a command is still received', 15_000);
    for (const name of ['orders', 'plain'])
      await eventually(() => node.payloads(name).at(-1) === 'last', `${name} still delivers events`, 15_000);

    expect(terminated).toEqual(['a last']);
    expect(node.deliveries.filter((each) => !known.has(each.event.payload))).toEqual([]);
    expect(node.payloads('orders')).toEqual(['one', 'two', 'three ü', 'last']);
    expect(node.count('invalid_data_total')).toBeGreaterThan(MESSAGES * 0.7);
    expect(node.count('invalid_data_total')).toBeLessThanOrEqual(MESSAGES);
    expect(node.count('lost_events_total')).toBe(0);
    expect(node.logger.warnings.map(({ message }) => message)).toEqual([
      'Ignored an invalid message on a Redis channel: no node sends such. Does another program publish to channels that begin with WAVEHALL_REDIS_PREFIX?',
    ]);
    expect(node.logger.errors).toEqual([]);
    expect(node.isReady()).toBe(true);
  }, 120_000);

  test(`3.13 a server continues to run, and its clients receive none of them (seed ${SEED})`, async () => {
    const server = await startServer({ REVERB_SCALING_ENABLED: 'true', REDIS_PORT: `${redis.port}` });
    try {
      const wire = await Wire.open(server, '/app/app-key?protocol=7');
      await wire.first();
      wire.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
      await wire.next('pusher_internal:subscription_succeeded');
      const credentials = [{ key: 'app-key', secret: 'app-secret' }] as const;
      const keys = new Keys('wavehall:', 16, 0, firstScopes([{ id: 'app-id', credentials }]));
      const { pubsubChannel } = keys.channel({ app: 'app-id', channel: 'orders' });
      const app = appAt(server);
      const publish = (name: string) =>
        publisher(app).post('/events', { name, channels: ['orders'], data: '"x"' });
      const act = async () => expect((await publish('one')).status).toBe(200);
      const valid = await recordMessages(redis, [pubsubChannel], act, 1);
      await publishInvalid(client, [pubsubChannel, keys.control()], valid);
      expect((await publish('last')).status).toBe(200);
      await wire.next('last', 15_000);
      expect(wire.texts.map((text) => (JSON.parse(text) as { event: string }).event)).toEqual([
        'pusher:connection_established',
        'pusher_internal:subscription_succeeded',
        'one',
        'last',
      ]);
      await wire.close();
      expect(server.output().match(/Ignored an invalid message/g)).toHaveLength(1);
      expect(server.output()).not.toMatch(/should not have/);
    } finally {
      await server.close();
    }
  }, 120_000);
});
