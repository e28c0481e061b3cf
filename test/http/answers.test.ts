import { beforeEach, describe, expect, test, vi } from 'vitest';
import { type AppChanges, dataOf, settled, testApp, withOverrides } from '../core/fakes.ts';
import { EVENT, type Http, openHttp, shown } from './fixture.ts';

const ALL = 'user_count,subscription_count,cache';
const HOSTILE = ['__proto__', 'constructor', 'toString', '0', '-1'];

let http: Http;
beforeEach(async () => {
  http = await openHttp();
});

/** Two users (one of them twice) on `presence-a`, three sockets on `orders`, one event on each cached channel. */
async function populate(changes: AppChanges = {}): Promise<Http> {
  const site = await openHttp({ app: testApp({ cacheTtlSeconds: 1800, ...changes }) });
  for (const id of [7, 7, '9']) {
    const client = await site.connect();
    client.subscribe('presence-a', { user_id: id });
    client.subscribe('orders');
    await settled();
  }
  for (const channel of ['cache-a', 'private-cache-a', 'presence-cache-a', 'private-encrypted-cache-a'])
    await site.post('/events', { ...EVENT, channel });
  return site;
}

const CACHED = { cache: { data: EVENT.data, ttl: 1800 } };
/** Everything that can be asked, of each kind of channel. */
const ATTRIBUTES: readonly (readonly [channel: string, attributes: object])[] = [
  ['presence-a', { user_count: 2 }],
  ['presence-empty', { user_count: 0 }],
  ['orders', { subscription_count: 3 }],
  ['empty', { subscription_count: 0 }],
  ['private-a', { subscription_count: 0 }],
  ['private-encrypted-a', { subscription_count: 0 }],
  ['cache-a', { subscription_count: 0, ...CACHED }],
  ['cache-empty', { subscription_count: 0, cache: null }],
  ['private-cache-a', { subscription_count: 0, ...CACHED }],
  ['private-encrypted-cache-a', { subscription_count: 0, ...CACHED }],
  ['presence-cache-a', { user_count: 0, ...CACHED }],
  ['presence-cache-empty', { user_count: 0, cache: null }],
];

describe('attributes', () => {
  test.each(ATTRIBUTES)('8.7 returns every attribute that applies to %s: %j', async (channel, attributes) => {
    const site = await populate();
    const occupied = channel === 'presence-a' || channel === 'orders';
    const answer = await site.get(`/channels/${channel}`, { info: ALL });
    expect(shown(answer)).toEqual([200, { occupied, ...attributes }]);
    expect(shown(await site.get(`/channels/${channel}`))).toEqual([200, { occupied }]);
  });

  test('8.4 returns attributes of each channel of an event after publishing it', async () => {
    const site = await populate();
    const channels = ATTRIBUTES.map(([channel]) => channel);
    const answer = await site.post('/events', { name: 'e', data: EVENT.data, channels, info: ALL });
    const expected = ATTRIBUTES.map(([channel, attributes]) => [
      channel,
      'cache' in attributes ? { ...attributes, ...CACHED } : attributes,
    ]);
    expect(shown(answer)).toEqual([200, { channels: Object.fromEntries(expected) }]);
  });

  test('8.5 returns an item for each event of a batch, in order, if one of them has info', async () => {
    const site = await populate();
    const batch = [
      EVENT,
      { ...EVENT, info: 'subscription_count' },
      { ...EVENT, channel: 'presence-a', info: 'subscription_count' },
      { ...EVENT, channel: 'presence-a', info: 'user_count' },
    ];
    const answer = await site.post('/batch_events', { batch });
    expect(shown(answer)).toEqual([200, { batch: [{}, { subscription_count: 3 }, {}, { user_count: 2 }] }]);
    expect(shown(await site.post('/batch_events', { batch: [EVENT, EVENT] }))).toEqual([200, {}]);
  });

  test('8.6 returns attributes of each occupied channel', async () => {
    const site = await populate();
    const channels = (query: Record<string, string>) => site.get('/channels', query);
    expect(shown(await channels({}))).toEqual([200, { channels: { 'presence-a': {}, orders: {} } }]);
    const counts = { 'presence-a': { user_count: 2 }, orders: { subscription_count: 3 } };
    expect((await channels({ info: ALL })).body).toEqual({ channels: counts });
    expect((await channels({ info: 'user_count', filter_by_prefix: 'presence-' })).body).toEqual({
      channels: { 'presence-a': { user_count: 2 } },
    });
  });

  test.each([
    ['user_count, subscription_count', { subscription_count: 3 }],
    [' subscription_count ,,', { subscription_count: 3 }],
    ['subscription_count,nonsense,__proto__,constructor', { subscription_count: 3 }],
    ['nonsense', {}],
    ['SUBSCRIPTION_COUNT', {}],
    ['user_count', {}],
    ['cache', {}],
    [',', {}],
  ])('8.4 a publish with info %j to a public channel returns %j', async (info, attributes) => {
    const site = await populate();
    expect((await site.get('/channels/orders', { info })).body).toEqual({ occupied: true, ...attributes });
    const published = await site.post('/events', { ...EVENT, info });
    expect(published.body).toEqual(info === ',' ? {} : { channels: { orders: attributes } });
  });

  test('8.7 accepts a list of names in info', async () => {
    const site = await populate();
    const url = site.signed('GET', '/apps/app-id/channels/cache-a', {
      query: { info: 'cache,subscription_count' },
    });
    const asList = url.replace('info=cache%2C', 'info[]=cache&info[]=');
    expect(asList).not.toBe(url);
    expect(shown(await site.send('GET', asList))).toEqual([
      200,
      { occupied: false, subscription_count: 0, ...CACHED },
    ]);
  });
});

test.each(['', 'x', '{}', 'null', '[]', '{"data":7}', '{"event":"e","channel":"cache-a"}'])(
  '8.7 returns no cached event for invalid data in the shared store: %j',
  async (payload) => {
    const last = () => Promise.resolve({ payload, ttlSeconds: 5 });
    const site = await openHttp({
      stores: (memory) => ({
        ...memory,
        cachedEvents: withOverrides<object>(memory.cachedEvents, { last }) as never,
      }),
    });
    const answer = await site.get('/channels/cache-a', { info: 'cache' });
    expect(shown(answer)).toEqual([200, { occupied: false, cache: null }]);
  },
);

describe('attributes that do not apply, for an app with strict info', () => {
  test.each([
    ['user_count', 'orders'],
    ['subscription_count', 'presence-a'],
    ['cache', 'orders'],
    ['cache', 'presence-a'],
    ['subscription_count,cache', 'presence-cache-a'],
    ['subscription_count,user_count', 'cache-a'],
  ])('8.4 refuses %s of %s with 400 and publishes nothing', async (info, channel) => {
    const site = await populate({ strictInfo: true });
    const publish = vi.spyOn(site.stores.broker, 'publish');
    const unfit = expect.stringMatching(/^\w+ does not apply to this channel\.$/) as string;
    const channels = ['private-cache-x', channel];
    expect(shown(await site.get(`/channels/${channel}`, { info }))).toEqual([400, unfit]);
    expect(shown(await site.post('/events', { ...EVENT, channel, info }))).toEqual([400, unfit]);
    expect(shown(await site.post('/events', { ...EVENT, channels, info }))).toEqual([400, unfit]);
    const batch = [EVENT, { ...EVENT, channel, info }];
    expect(shown(await site.post('/batch_events', { batch }))).toEqual([400, unfit]);
    expect(publish).not.toHaveBeenCalled();
  });

  test('8.4 answers attributes that apply and ignores unknown names, as without strict info', async () => {
    const site = await populate({ strictInfo: true });
    for (const [channel, attributes] of ATTRIBUTES) {
      const info = [...Object.keys(attributes), 'nonsense'].join(',');
      const answer = await site.get(`/channels/${channel}`, { info });
      expect([channel, answer.status, answer.body]).toMatchObject([channel, 200, attributes]);
    }
    expect((await site.post('/events', { ...EVENT, info: 'subscription_count' })).status).toBe(200);
  });

  test.each([
    [{ info: 'user_count' }, 400],
    [{ info: 'user_count', filter_by_prefix: '' }, 400],
    [{ info: 'user_count', filter_by_prefix: 'presence' }, 400],
    [{ info: 'user_count', filter_by_prefix: 'orders' }, 400],
    [{ info: 'user_count,subscription_count', filter_by_prefix: 'presence-' }, 400],
    [{ info: 'user_count', filter_by_prefix: 'presence-' }, 200],
    [{ info: 'user_count', filter_by_prefix: 'presence-cache-' }, 200],
    [{ info: 'user_count', filter_by_prefix: 'presence-nobody-is-there' }, 200],
    [{ info: 'subscription_count' }, 200],
    [{ info: 'subscription_count', filter_by_prefix: 'private-' }, 200],
    [{ info: 'cache', filter_by_prefix: 'cache-' }, 400],
    [{ info: 'nonsense' }, 200],
    [{}, 200],
  ])(
    '8.6 for a list the prefix decides, not the channels that are found: %j is answered %i',
    async (query, status) => {
      for (const site of [
        await populate({ strictInfo: true }),
        await openHttp({ app: testApp({ strictInfo: true }) }),
      ])
        expect((await site.get('/channels', query as Record<string, string>)).status).toBe(status);
    },
  );
});

describe('publishing', () => {
  test('3.13 delivers an event to all subscribers except the excluded socket', async () => {
    const [one, two] = [await http.connect(), await http.connect()];
    for (const client of [one, two]) client.subscribe('orders');
    await settled();
    for (const client of [one, two]) client.take();
    const data = '{"a":"\\u0000 ü 𝒳 \\ud800"}';
    const name = 'App\\Events\\Shipped "ü"';
    await http.post('/events', { ...EVENT, name, data, socket_id: two.socketId });
    await http.post('/events', { ...EVENT, name: 'to all', data: '' });
    await settled();
    expect(one.take()).toEqual([
      { event: name, data, channel: 'orders' },
      { event: 'to all', data: '', channel: 'orders' },
    ]);
    expect(two.take().map(({ event }) => event)).toEqual(['to all']);
  });

  test('8.4 counts a repeated channel once and prefers channels to channel', async () => {
    const client = await http.connect();
    for (const channel of ['a', 'b', 'c']) client.subscribe(channel);
    await settled();
    client.take();
    await http.post('/events', { name: 'e', data: 'd', channels: ['a', 'b', 'a'], channel: 'c' });
    await settled();
    expect(client.take().map(({ channel }) => channel)).toEqual(['a', 'b']);
  });

  test('8.5 delivers a batch in its order', async () => {
    const client = await http.connect();
    client.subscribe('orders');
    await settled();
    client.take();
    const names = ['1', '2', '3', '4', '5'];
    await http.post('/batch_events', { batch: names.map((name) => ({ ...EVENT, name })) });
    await settled();
    expect(client.take().map(({ event }) => event)).toEqual(names);
  });

  test('8.4 delivers nothing to a channel of the same name in another app', async () => {
    const other = { ...testApp(), id: 'other', credentials: [{ key: 'other-key', secret: 's' }] as const };
    const site = await openHttp({ apps: [testApp(), other] });
    const stranger = await site.connect({ appKey: 'other-key' });
    stranger.subscribe('orders');
    await settled();
    stranger.take();
    const answer = await site.post('/events', { ...EVENT, info: 'subscription_count' });
    expect(answer.body).toEqual({ channels: { orders: { subscription_count: 0 } } });
    await settled();
    expect(stranger.take()).toEqual([]);
    expect((await site.get('/connections')).body).toEqual({ connections: 0 });
    expect((await site.get('/channels')).body).toEqual({ channels: {} });
  });

  test.each(HOSTILE)('8.4 serves a channel called %s like any other', async (channel) => {
    const client = await http.connect();
    client.subscribe(channel);
    await settled();
    const published = await http.post('/events', { ...EVENT, channel, info: 'subscription_count' });
    const text = `{"channels":{"${channel}":{"subscription_count":1}}}`;
    expect(JSON.stringify(published.body)).toBe(text);
    const listed = await http.get('/channels', { info: 'subscription_count' });
    expect(JSON.stringify(listed.body)).toBe(text);
    expect((await http.get(`/channels/${channel}`)).body).toEqual({ occupied: true });
  });

  test("6.4 accepts events to a user's own channel and does not list it", async () => {
    const client = await http.connect();
    client.signin({ id: '42' });
    client.subscribe('#server-to-user-42');
    await settled();
    client.take();
    expect((await http.post('/events', { ...EVENT, channel: '#server-to-user-42' })).status).toBe(200);
    await settled();
    expect(client.take().map(({ event }) => event)).toEqual(['shipped']);
    expect((await http.get('/channels')).body).toEqual({ channels: {} });
    expect((await http.get('/channels', { filter_by_prefix: '#' })).body).toEqual({ channels: {} });
  });
});

describe('channels', () => {
  test('8.6 returns an object also when no channel is occupied', async () => {
    const answer = await http.get('/channels');
    expect(JSON.stringify(answer.body)).toBe('{"channels":{}}');
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
  });

  test.each([
    ['', ['orders', 'presence-a']],
    ['o', ['orders']],
    ['presence-', ['presence-a']],
    ['ORD', []],
    ['*', []],
    ['.', []],
    ['^', []],
    ['o%', []],
    ['__proto__', []],
  ])('8.6 compares filter_by_prefix %j literally', async (prefix, expected) => {
    const site = await populate();
    const { body } = await site.get('/channels', { filter_by_prefix: prefix });
    expect(Object.keys((body as { channels: object }).channels).sort()).toEqual(expected);
  });

  test.each([...HOSTILE, 'x'.repeat(500), 'no%20such', '%C3%BC', '%22', '%25', '%2525', 'a%2Fusers'])(
    '8.7 reports %.20s as not occupied',
    async (name) => {
      expect(shown(await http.get(`/channels/${name}`))).toEqual([200, { occupied: false }]);
    },
  );
});

describe('users of a channel', () => {
  test('8.8 lists each user once, ids as strings, in the order of joining', async () => {
    const site = await populate();
    expect(shown(await site.get('/channels/presence-a/users'))).toEqual([
      200,
      { users: [{ id: '7' }, { id: '9' }] },
    ]);
  });

  test.each(['orders', 'private-a', 'cache-a', 'Presence-a', 'presence', '__proto__'])(
    '8.8 refuses %s, which has no members, with 400',
    async (channel) => {
      const answer = await http.get(`/channels/${channel}/users`);
      expect(shown(answer)).toEqual([400, 'The channel must be a presence channel.']);
    },
  );

  test('8.8 answers an empty channel with an empty list, or with 404 by a setting', async () => {
    const path = '/channels/presence-empty/users';
    expect(shown(await http.get(path))).toEqual([200, { users: [] }]);
    const site = await populate({ usersOfUnoccupiedAre404: true });
    expect(shown(await site.get(path))).toEqual([404, {}]);
    expect((await site.get('/channels/presence-a/users')).status).toBe(200);
    expect((await site.get('/channels/orders/users')).status).toBe(400);
  });

  test('8.8 lists users whatever their ids look like', async () => {
    const ids = [...HOSTILE, '"', '\\', 'ü', '\u2028'];
    for (const id of ids) {
      const client = await http.connect();
      client.subscribe('presence-a', { user_id: id });
      await settled();
    }
    const { body } = await http.get('/channels/presence-a/users');
    expect(body).toEqual({ users: ids.map((id) => ({ id })) });
  });
});

describe('terminating the connections of a user', () => {
  test('8.9 closes sockets that are signed in or members as this user, and no others', async () => {
    const [signedIn, asMember, other] = [await http.connect(), await http.connect(), await http.connect()];
    signedIn.signin({ id: '7' });
    asMember.subscribe('presence-a', { user_id: 7 });
    other.signin({ id: '77' });
    other.subscribe('presence-a', { user_id: '8' });
    await settled();
    expect(shown(await http.post('/users/7/terminate_connections'))).toEqual([200, {}]);
    for (const client of [signedIn, asMember]) {
      expect(client.socket.closed).toEqual({ code: 4009, reason: 'You got disconnected by the app.' });
      const last = client.frames.at(-1);
      expect([last?.event, dataOf(last)]).toEqual([
        'pusher:error',
        { code: 4009, message: 'You got disconnected by the app.' },
      ]);
    }
    expect(other.socket.closed).toBeUndefined();
  });

  test.each([...HOSTILE, 'a b', 'ü', 'a/b', '%', 'a+b', '"', "'", '🙂'])(
    '8.9 decodes the percent-encoding of the id %s once',
    async (id) => {
      const [user, other] = [await http.connect(), await http.connect()];
      user.subscribe('presence-a', { user_id: id });
      other.subscribe('presence-a', { user_id: `${encodeURIComponent(id)}%25` });
      await settled();
      const path = `/users/${encodeURIComponent(id)}/terminate_connections`;
      expect(shown(await http.post(path, '{}'))).toEqual([200, {}]);
      expect(user.socket.closed?.reason).toBe('You got disconnected by the app.');
      expect(other.socket.closed).toBeUndefined();
    },
  );

  test('8.9 answers for an unknown user in the same way', async () => {
    for (const id of ['nobody', 'x'.repeat(1000), '*'])
      expect(shown(await http.post(`/users/${id}/terminate_connections`))).toEqual([200, {}]);
  });

  test('8.9 refuses an id that is empty or has control characters', async () => {
    expect((await http.post('/users//terminate_connections')).status).toBe(400);
    expect((await http.post('/users/4%00/terminate_connections')).status).toBe(401);
  });

  test('8.9 closes no socket of another app', async () => {
    const other = { ...testApp(), id: 'other', credentials: [{ key: 'other-key', secret: 's' }] as const };
    const site = await openHttp({ apps: [testApp(), other] });
    const foreign = await site.connect({ appKey: 'other-key' });
    foreign.signin({ id: '7' }, other.credentials[0]);
    await settled();
    expect((await site.post('/users/7/terminate_connections')).status).toBe(200);
    expect(foreign.socket.closed).toBeUndefined();
  });
});

describe('connections', () => {
  test('8.10 counts all established sockets, with or without channels', async () => {
    expect(shown(await http.get('/connections'))).toEqual([200, { connections: 0 }]);
    const clients = [await http.connect(), await http.connect(), await http.connect()];
    clients[0]!.subscribe('orders');
    await settled();
    expect((await http.get('/connections')).body).toEqual({ connections: 3 });
    await http.connect({ appKey: 'unknown' });
    clients[1]!.close();
    await settled();
    expect((await http.get('/connections')).body).toEqual({ connections: 2 });
  });
});
