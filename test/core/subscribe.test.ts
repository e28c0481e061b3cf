import { describe, expect, test } from 'vitest';
import { signChannel } from '#protocol';
import { Unavailable } from '../../src/core/ports/failures.ts';
import { type Client, CREDENTIAL, dataOf, openCore, settled, testApp, withOverrides } from './fakes.ts';

const UNAUTHORIZED = { type: 'AuthError', error: 'Connection is unauthorized', status: 401 };

const attempt = (client: Client, data: Record<string, unknown>): void =>
  client.send({ event: 'pusher:subscribe', data });

/** The frames after the first one, `data` decoded. */
const answers = (client: Client): unknown[] =>
  client.frames.slice(1).map((frame) => ({ ...frame, data: dataOf(frame) }));

const refusedAs = (channel: string, data: object): unknown[] => [
  { event: 'pusher:subscription_error', data, channel },
];

const authError = (channel: string): unknown[] => [
  ...refusedAs(channel, UNAUTHORIZED),
  { event: 'pusher:error', data: { code: 4009, message: 'Connection is unauthorized' } },
];

/** Every way in which `auth` for a channel can be wrong; `own` is the socket it is used on. */
const WRONG_AUTH: readonly (readonly [title: string, data: (own: string) => Record<string, unknown>])[] = [
  ['no auth', () => ({})],
  ['an empty auth', () => ({ auth: '' })],
  ['auth that is no text', () => ({ auth: { signature: 1 } })],
  ['a signature without a key', (own) => ({ auth: signChannel(CREDENTIAL, own, 'private-a').split(':')[1] })],
  ['a signature for another channel', (own) => ({ auth: signChannel(CREDENTIAL, own, 'private-b') })],
  ['a signature for another socket', () => ({ auth: signChannel(CREDENTIAL, '1.1', 'private-a') })],
  [
    'a signature with another secret',
    (own) => ({ auth: signChannel({ key: 'app-key', secret: 'x' }, own, 'private-a') }),
  ],
  [
    'a signature in upper case',
    (own) => ({
      auth: signChannel(CREDENTIAL, own, 'private-a').toUpperCase().replace('APP-KEY', 'app-key'),
    }),
  ],
  ['a shortened signature', (own) => ({ auth: signChannel(CREDENTIAL, own, 'private-a').slice(0, -1) })],
  [
    'channel_data that was not signed',
    (own) => ({ auth: signChannel(CREDENTIAL, own, 'private-a'), channel_data: '{"user_id":"7"}' }),
  ],
];

describe('authorisation', () => {
  test.each(WRONG_AUTH)('3.5 %s is refused, and nothing is left behind', async (_, data) => {
    const site = openCore();
    const client = await site.connect();
    attempt(client, { channel: 'private-a', ...data(client.socketId) });
    await settled();
    expect(answers(client)).toEqual(authError('private-a'));
    expect(client.socket.closed).toBeUndefined();
    expect(await site.stores.membership.channels('app-id', '')).toEqual(new Map());
  });

  test.each(['private-a', 'private-encrypted-a', 'private-cache-a', 'private-encrypted-cache-a'])(
    '3.5 %s is entered with a signature of this socket and this channel',
    async (channel) => {
      const client = await openCore().connect();
      client.subscribe(channel);
      await settled();
      expect(client.eventNames[1]).toBe(`pusher_internal:subscription_succeeded ${channel}`);
    },
  );

  test.each([
    ['no channel_data', undefined],
    ['no user_id', {}],
    ['null', { user_id: null }],
    ['an empty text', { user_id: '' }],
    ['true', { user_id: true }],
    ['an object', { user_id: { id: 7 } }],
    ['a list', { user_id: [7] }],
  ])('4.1 a presence channel needs a user: %s is refused', async (_, member) => {
    const site = openCore();
    const client = await site.connect();
    client.subscribe('presence-a', member);
    await settled();
    expect(answers(client)).toEqual(authError('presence-a'));
    expect(await site.stores.membership.channels('app-id', '')).toEqual(new Map());
  });

  test('3.5 public channels ignore auth', async () => {
    const client = await openCore().connect();
    attempt(client, { channel: 'orders', auth: 'nonsense', channel_data: 'nonsense' });
    await settled();
    expect(client.eventNames[1]).toBe('pusher_internal:subscription_succeeded orders');
  });

  test('3.5 the key before the colon counts only where the app wants it', async () => {
    const other = { key: 'other-key', secret: CREDENTIAL.secret };
    for (const strictAuthKey of [false, true]) {
      const client = await openCore({ apps: [testApp({ strictAuthKey })] }).connect();
      client.subscribe('private-a', undefined, other);
      await settled();
      expect(answers(client)).toEqual(
        strictAuthKey
          ? authError('private-a')
          : [{ event: 'pusher_internal:subscription_succeeded', data: {}, channel: 'private-a' }],
      );
    }
  });

  test('7.6 every credential of the app signs', async () => {
    const credentials = [{ key: 'new', secret: 'n' }, CREDENTIAL] as const;
    const client = await openCore({ apps: [testApp({ credentials })] }).connect({ appKey: 'new' });
    client.subscribe('private-a', undefined, CREDENTIAL);
    client.subscribe('private-b', undefined, credentials[0]);
    await settled();
    expect(client.eventNames.slice(1)).toEqual([
      'pusher_internal:subscription_succeeded private-a',
      'pusher_internal:subscription_succeeded private-b',
    ]);
  });

  test('1.3 the data of errors is a string for apps that set this', async () => {
    const client = await openCore({ apps: [testApp({ errorDataAsString: true })] }).connect();
    attempt(client, { channel: 'private-a' });
    await settled();
    expect(client.frames.at(-1)?.data).toBe('{"code":4009,"message":"Connection is unauthorized"}');
  });
});

describe('names', () => {
  const invalid = { type: 'InvalidChannel', error: 'Invalid channel name', status: 400 };

  test.each(['', 'a b', 'a:b', 'a/b', 'ü', 'a\nb', '#', '#other', '#server-to-user-', 'a"b', 'a{b}'])(
    '3.2 %j is refused as InvalidChannel, without an error frame',
    async (channel) => {
      const client = await openCore().connect();
      attempt(client, { channel });
      await settled();
      expect(answers(client)).toEqual(refusedAs(channel, invalid));
    },
  );

  test('3.2 a name of n characters is taken, one of n + 1 is not', async () => {
    const client = await openCore({ apps: [testApp({ limits: { channelNameLength: 10 } })] }).connect();
    attempt(client, { channel: 'x'.repeat(10) });
    attempt(client, { channel: 'x'.repeat(11) });
    await settled();
    expect(client.eventNames.slice(1)).toEqual([
      'pusher_internal:subscription_succeeded xxxxxxxxxx',
      'pusher:subscription_error xxxxxxxxxxx',
    ]);
  });

  test('3.2 an app may allow more characters', async () => {
    const client = await openCore({ apps: [testApp({ extraChannelCharacters: ':/' })] }).connect();
    attempt(client, { channel: 'a:b/c' });
    attempt(client, { channel: 'a b' });
    await settled();
    expect(client.eventNames.slice(1)).toEqual([
      'pusher_internal:subscription_succeeded a:b/c',
      'pusher:subscription_error a b',
    ]);
  });

  test.each(['__proto__', 'constructor', 'hasOwnProperty'])(
    '3.2 %s is a channel like any other',
    async (channel) => {
      const site = openCore();
      const client = await site.connect();
      attempt(client, { channel });
      await settled();
      expect(client.eventNames[1]).toBe(`pusher_internal:subscription_succeeded ${channel}`);
      expect([...(await site.stores.membership.channels('app-id', '')).keys()]).toEqual([channel]);
    },
  );
});

describe('limits', () => {
  const limitReached = (error: string, status = 400) => ({ type: 'LimitReached', error, status });

  test('3.12 a socket may be on n channels and not on n + 1, until it leaves one', async () => {
    const client = await openCore({ apps: [testApp({ limits: { subscriptionsPerSocket: 2 } })] }).connect();
    for (const channel of ['a', 'b', 'c']) client.subscribe(channel);
    await settled();
    expect(client.eventNames.slice(1)).toEqual([
      'pusher_internal:subscription_succeeded a',
      'pusher_internal:subscription_succeeded b',
      'pusher:subscription_error c',
    ]);
    expect(dataOf(client.frames.at(-1))).toEqual(limitReached('The socket has too many subscriptions'));
    client.subscribe('a');
    client.unsubscribe('b');
    client.subscribe('c');
    await settled();
    expect(client.eventNames.slice(4)).toEqual([
      'pusher_internal:subscription_succeeded a',
      'pusher_internal:subscription_succeeded c',
    ]);
  });

  const membersOf = (presenceMembers: number) =>
    openCore({ apps: [testApp({ limits: { presenceMembers } })] });
  const FULL = limitReached('The maximum amount of members per presence channel limit was reached', 4100);

  test('4.5 a presence channel takes n users and not n + 1; more sockets of a user are accepted', async () => {
    const site = membersOf(2);
    for (const userId of ['1', '2', '2']) {
      const client = await site.connect();
      client.subscribe('presence-a', { user_id: userId });
      await settled();
      expect(client.eventNames[1]).toBe('pusher_internal:subscription_succeeded presence-a');
    }
    const third = await site.connect();
    third.subscribe('presence-a', { user_id: '3' });
    await settled();
    expect(answers(third)).toEqual(refusedAs('presence-a', FULL));
    third.subscribe('presence-b', { user_id: '3' });
    await settled();
    expect(third.eventNames.at(-1)).toBe('pusher_internal:subscription_succeeded presence-b');
  });

  test('4.5 users that join at the same time are counted one by one', async () => {
    const site = membersOf(3);
    const clients = Array.from({ length: 10 }, () => site.open());
    await settled();
    clients.forEach((client, at) => client.subscribe('presence-a', { user_id: at }));
    await settled();
    expect(clients.filter(({ eventNames: story }) => story[1]?.includes('succeeded'))).toHaveLength(3);
    expect(await site.stores.membership.occupancy({ app: 'app-id', channel: 'presence-a' })).toEqual({
      subscriptions: 3,
      users: 3,
    });
  });

  test('4.5 a user id of n characters is taken, one of n + 1 is not', async () => {
    const client = await openCore({ apps: [testApp({ limits: { userIdLength: 5 } })] }).connect();
    client.subscribe('presence-a', { user_id: '12345' });
    client.subscribe('presence-b', { user_id: 12_345 });
    client.subscribe('presence-c', { user_id: '123456' });
    client.subscribe('presence-d', { user_id: 123_456 });
    await settled();
    expect(client.eventNames.slice(1)).toEqual([
      'pusher_internal:subscription_succeeded presence-a',
      'pusher_internal:subscription_succeeded presence-b',
      'pusher:subscription_error presence-c',
      'pusher:subscription_error presence-d',
    ]);
    expect(dataOf(client.frames.at(-1))).toEqual(limitReached('The user_id is longer than 5 characters.'));
  });

  test('4.5 a user_info of n bytes is taken, one of n + 1 is not', async () => {
    const client = await openCore({ apps: [testApp({ limits: { userInfoBytes: 6 } })] }).connect();
    client.subscribe('presence-a', { user_id: 1, user_info: 'üü' });
    client.subscribe('presence-b', { user_id: 1, user_info: 'üüx' });
    await settled();
    expect(client.eventNames.slice(1)).toEqual([
      'pusher_internal:subscription_succeeded presence-a',
      'pusher:subscription_error presence-b',
    ]);
    expect(dataOf(client.frames.at(-1))).toEqual(limitReached('The user_info is larger than 6 bytes.'));
  });
});

describe('channel_data on a private channel', () => {
  const enterWith = async (channelData: string, extraChannelCharacters = '') => {
    const client = await openCore({ apps: [testApp({ extraChannelCharacters })] }).connect();
    const auth = signChannel(CREDENTIAL, client.socketId, 'private-a', channelData);
    attempt(client, { channel: 'private-a', auth, channel_data: channelData });
    await settled();
    return client.eventNames[1];
  };

  test.each(['my-custom-data', '7', 'a:b', '"text"', '[1]', '{"x":1}', ' {', 'é'])(
    '7.2 %s is taken when it was signed',
    async (data) => {
      expect(await enterWith(data)).toBe('pusher_internal:subscription_succeeded private-a');
    },
  );

  test('7.2 where names may have colons, what would be a name together with the channel is refused', async () => {
    for (const data of ['b', 'my-custom-data', 'a:b'])
      expect(await enterWith(data, ':')).toBe('pusher:subscription_error private-a');
    for (const data of ['{"x":1}', 'two words', '{'])
      expect(await enterWith(data, ':')).toBe('pusher_internal:subscription_succeeded private-a');
  });

  test('7.2 it has to be the text that was signed', async () => {
    const client = await openCore().connect();
    const auth = signChannel(CREDENTIAL, client.socketId, 'private-a', 'one');
    attempt(client, { channel: 'private-a', auth, channel_data: 'two' });
    attempt(client, { channel: 'private-a', auth });
    await settled();
    expect(client.eventNames.filter((event) => event.endsWith('succeeded private-a'))).toEqual([]);
  });
});

describe('subscribing again and unsubscribing', () => {
  test('3.7 subscribing again answers again, and sends nothing to the other subscribers', async () => {
    const site = openCore({ apps: [testApp({ subscriptionCounts: true })] });
    const [client, other] = [await site.connect(), await site.connect()];
    other.subscribe('presence-a', { user_id: '1' });
    client.subscribe('presence-a', { user_id: '2' });
    await settled();
    other.take();
    client.take();
    client.subscribe('presence-a', { user_id: '2' });
    await settled();
    expect(other.take()).toEqual([]);
    const [again, ...more] = client.take();
    expect(more).toEqual([]);
    expect((dataOf(again) as { presence: object }).presence).toMatchObject({ count: 2, ids: ['1', '2'] });
    const ref = { app: 'app-id', channel: 'presence-a' };
    expect(await site.stores.membership.occupancy(ref)).toEqual({ subscriptions: 2, users: 2 });
    site.hub.deliver(ref, { payload: JSON.stringify({ event: 'x', data: '', channel: 'presence-a' }) });
    await settled();
    expect(client.take()).toHaveLength(1);
  });

  test('3.7 subscribing again as another member, the new one replaces the old one for all subscribers', async () => {
    const site = openCore();
    const [client, other] = [await site.connect(), await site.connect()];
    other.subscribe('presence-a', { user_id: '1' });
    client.subscribe('presence-a', { user_id: '2' });
    await settled();
    other.take();
    client.take();
    client.subscribe('presence-a', { user_id: '3', user_info: { name: 'C' } });
    await settled();
    const [again] = client.take().filter(({ event }) => event.endsWith('subscription_succeeded'));
    expect((dataOf(again) as { presence: object }).presence).toMatchObject({ count: 2, ids: ['1', '3'] });
    const received = other.take().map((frame) => [frame.event.split(':')[1], dataOf(frame)]);
    expect(received).toEqual([
      ['member_added', { user_id: '3', user_info: { name: 'C' } }],
      ['member_removed', { user_id: '2' }],
    ]);
    client.sendClientEvent('presence-a', 'client-x', 1);
    await settled();
    expect(other.take()).toMatchObject([{ event: 'client-x', user_id: '3' }]);
    const ref = { app: 'app-id', channel: 'presence-a' };
    site.hub.deliver(ref, { payload: JSON.stringify({ event: 'x', data: '', channel: 'presence-a' }) });
    await settled();
    expect(client.take()).toHaveLength(1);
    client.close();
    await settled();
    expect((await site.stores.membership.members(ref)).map(({ id }) => id)).toEqual(['1']);
  });

  test('3.7 subscribing again as another member above the member limit is refused, and its member is kept', async () => {
    const site = openCore({ apps: [testApp({ limits: { presenceMembers: 2 } })] });
    const [client, other] = [await site.connect(), await site.connect()];
    other.subscribe('presence-a', { user_id: '1' });
    client.subscribe('presence-a', { user_id: '2' });
    client.subscribe('presence-a', { user_id: '3' });
    await settled();
    expect(client.frames.at(-1)?.event).toBe('pusher:subscription_error');
    client.subscribe('presence-a', { user_id: '1' });
    await settled();
    const ref = { app: 'app-id', channel: 'presence-a' };
    expect((await site.stores.membership.members(ref)).map(({ id }) => id)).toEqual(['1']);
    expect(await site.stores.membership.occupancy(ref)).toEqual({ subscriptions: 2, users: 1 });
  });

  test('3.7 a failed attempt leaves the old subscription unchanged', async () => {
    const site = openCore();
    const client = await site.connect();
    client.subscribe('private-a');
    attempt(client, { channel: 'private-a', auth: 'app-key:wrong' });
    await settled();
    expect(answers(client).slice(1)).toEqual(authError('private-a'));
    expect(await site.stores.membership.occupancy({ app: 'app-id', channel: 'private-a' })).toEqual({
      subscriptions: 1,
      users: 0,
    });
  });

  test('3.8 unsubscribing has no answer, and no event follows', async () => {
    const site = openCore();
    const client = await site.connect();
    client.unsubscribe('never');
    client.subscribe('orders');
    await settled();
    client.take();
    site.hub.deliver({ app: 'app-id', channel: 'orders' }, { payload: '{}' });
    client.unsubscribe('orders');
    await settled();
    expect(client.take()).toEqual([]);
  });

  test('3.8 after unsubscribing a socket can subscribe again', async () => {
    const client = await openCore().connect();
    for (let round = 0; round < 3; round += 1) {
      client.subscribe('presence-a', { user_id: '1' });
      client.unsubscribe('presence-a');
    }
    await settled();
    expect(client.eventNames.slice(1)).toEqual(
      Array(3).fill('pusher_internal:subscription_succeeded presence-a'),
    );
  });
});

describe('cache channels', () => {
  const ref = { app: 'app-id', channel: 'cache-a' };
  const publish = (site: ReturnType<typeof openCore>, payload: string, ttlSeconds = 10) =>
    site.stores.broker.publish(ref, { payload }, { size: 0, ttlSeconds: 0, lastSeconds: ttlSeconds });

  test('3.10 a new subscriber gets the exact frame that was published last, or a miss', async () => {
    const site = openCore();
    const [early, late] = [await site.connect(), await site.connect()];
    early.subscribe('cache-a');
    await settled();
    await publish(site, '{"event":"x","data":"1","channel":"cache-a"}');
    await publish(site, '{"event":"x","data":"2","channel":"cache-a"}');
    await settled();
    late.subscribe('cache-a');
    await settled();
    expect(early.frames.slice(2).map(({ event, data }) => [event, data])).toEqual([
      ['pusher:cache_miss', '{}'],
      ['x', '1'],
      ['x', '2'],
    ]);
    expect(late.socket.payloads.slice(2)).toEqual(['{"event":"x","data":"2","channel":"cache-a"}']);
  });

  test('3.10 the last event is cached without subscribers, until its time to live ends', async () => {
    const site = openCore();
    await publish(site, '{"event":"x","data":"1","channel":"cache-a"}', 0);
    const client = await site.connect();
    client.subscribe('cache-a');
    await settled();
    expect(client.eventNames.at(-1)).toBe('pusher:cache_miss cache-a');
    client.close();
    await settled();
    await publish(site, '{"event":"x","data":"2","channel":"cache-a"}');
    const later = await site.connect();
    later.subscribe('cache-a');
    await settled();
    expect(later.eventNames.at(-1)).toBe('x cache-a');
  });

  test('3.7 subscribing again sends the cached event again', async () => {
    const site = openCore();
    await publish(site, '{"event":"x","data":"1","channel":"cache-a"}');
    const client = await site.connect();
    client.subscribe('cache-a');
    client.subscribe('cache-a');
    await settled();
    expect(client.eventNames.slice(1)).toEqual([
      'pusher_internal:subscription_succeeded cache-a',
      'x cache-a',
      'pusher_internal:subscription_succeeded cache-a',
      'x cache-a',
    ]);
  });
});

describe('every subscription ends in an answer for its channel', () => {
  const errorsOf = (client: Client) =>
    client.frames
      .filter(({ event }) => event !== 'pusher:connection_established')
      .map((frame) => [frame.event, frame.channel, dataOf(frame)]);

  test.each([
    ['a defect: and the client begins anew', new Error('broken'), 500, 'Internal server error', 1011],
    [
      'the shared store is out of reach: and the socket stays',
      new Unavailable('away'),
      503,
      'The subscription failed, try again later',
      undefined,
    ],
  ])('3.6 subscription_error for %s', async (_, failure, status, error, code) => {
    const site = openCore({
      stores: (memory) => ({
        ...memory,
        broker: withOverrides(memory.broker, { subscribe: () => Promise.reject(failure) }),
      }),
    });
    const client = await site.connect();
    client.subscribe('orders');
    await settled();
    const refusal = ['pusher:subscription_error', 'orders', { type: 'ServerError', error, status }];
    const closed = ['pusher:error', undefined, { code: 1011, message: error }];
    expect(errorsOf(client)).toEqual(code === undefined ? [refusal] : [refusal, closed]);
    expect(client.socket.closed?.code).toBe(code);
    expect(site.logger.errors).toHaveLength(code === undefined ? 0 : 1);
    expect(site.refused()).toEqual({ channel_failed: 1 });
    expect(await site.stores.membership.occupancy({ app: 'app-id', channel: 'orders' })).toMatchObject({
      subscriptions: 0,
    });
  });

  test("2.12 over Reverb's limit: subscription_error for the channel, then Reverb's error", async () => {
    const rateLimiting = { maxAttempts: 1, decaySeconds: 60, terminate: false };
    const site = openCore({ apps: [testApp({ rateLimiting })] });
    const client = await site.connect();
    client.subscribe('a');
    client.subscribe('b');
    client.unsubscribe('a');
    await settled();
    const error = { code: 4301, message: 'Rate limit exceeded' };
    expect(errorsOf(client).slice(1)).toEqual([
      ['pusher:subscription_error', 'b', { type: 'LimitReached', error: error.message, status: 429 }],
      ['pusher:error', undefined, error],
      ['pusher:error', undefined, error],
    ]);
    expect(site.refused()).toEqual({ rate_limit: 2 });
  });

  test('3.12 the names of the channels are counted in bytes, n are accepted and n + 1 are not', async () => {
    const limits = { subscriptionBytesPerSocket: 6 };
    const site = openCore({ apps: [testApp({ limits, extraChannelCharacters: 'é' })] });
    const client = await site.connect();
    client.subscribe('éé');
    client.subscribe('ab');
    client.subscribe('c');
    await settled();
    expect(errorsOf(client).map(([event]) => event)).toEqual([
      'pusher_internal:subscription_succeeded',
      'pusher_internal:subscription_succeeded',
      'pusher:subscription_error',
    ]);
    expect(site.refused()).toEqual({ channel_limit: 1 });
  });

  test('3.2 the length of a name is counted in bytes', async () => {
    const limits = { channelNameLength: 4 };
    const client = await openCore({ apps: [testApp({ limits, extraChannelCharacters: 'é' })] }).connect();
    client.subscribe('éé');
    client.subscribe('ééa');
    await settled();
    expect(errorsOf(client).map(([event]) => event)).toEqual([
      'pusher_internal:subscription_succeeded',
      'pusher:subscription_error',
    ]);
  });
});
