/** Endpoints of webhooks in JSON and in variables, and what is refused at the start. */
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config/index.ts';
import { problemsIn } from './problems.ts';

type Variables = Record<string, string>;

const REVERB = { REVERB_APP_ID: 'shop', REVERB_APP_KEY: 'key', REVERB_APP_SECRET: 'secret' };
const APP = { app_id: 'shop', key: 'key', secret: 'secret' };
const URL_OF_SHOP = 'https://shop.test/hook';
const USUAL = [
  'channel_occupied',
  'channel_vacated',
  'member_added',
  'member_removed',
  'client_event',
  'cache_miss',
];

const withApps = (...apps: object[]): Variables => ({ WAVEHALL_APPS: JSON.stringify(apps) });
const withEndpoints = (...webhooks: unknown[]): Variables => withApps({ ...APP, webhooks });
const endpointsOf = (variables: Variables) => readConfig(variables).apps.flatMap(({ webhooks }) => webhooks);
const endpointOf = (endpoint: object) => endpointsOf(withEndpoints({ url: URL_OF_SHOP, ...endpoint }))[0];

const problemsOf = (variables: Variables): readonly string[] => problemsIn(() => readConfig(variables));
const problemsOfEndpoint = (endpoint: object): readonly string[] =>
  problemsOf(withEndpoints({ url: URL_OF_SHOP, ...endpoint }));

describe('endpoints in JSON', () => {
  test('9.5 have the names of soketi', () => {
    const endpoint = endpointOf({
      event_types: ['member_added', 'member_removed'],
      filter: { channel_name_starts_with: 'presence-', channel_name_ends_with: '-eu' },
      headers: { 'X-Tenant': '7' },
    });
    expect(endpoint).toEqual({
      name: 'shop-1',
      url: new URL(URL_OF_SHOP),
      eventTypes: ['member_added', 'member_removed'],
      channelPrefix: 'presence-',
      channelSuffix: '-eu',
      headers: { 'X-Tenant': '7' },
    });
  });

  test.each([{}, { event_types: [], filter: [], headers: [] }, { event_types: null, filter: null }])(
    '9.5 get all events with a channel but counts, unless they choose: %o',
    (endpoint) => {
      expect(endpointOf(endpoint)).toMatchObject({
        eventTypes: USUAL,
        channelPrefix: '',
        channelSuffix: '',
        headers: {},
      });
    },
  );

  test('9.5 get counts when they name them, or by a switch', () => {
    expect(endpointOf({ event_types: ['subscription_count'] })?.eventTypes).toEqual(['subscription_count']);
    expect(endpointOf({ subscription_count: true })?.eventTypes).toEqual([...USUAL, 'subscription_count']);
    expect(endpointOf({ event_types: ['cache_miss'], subscription_count: 1 })?.eventTypes).toEqual([
      'cache_miss',
      'subscription_count',
    ]);
  });

  test('9.5 are named by app and number, or by themselves', () => {
    const named = withEndpoints({ url: URL_OF_SHOP }, { url: URL_OF_SHOP, name: 'second.one' });
    expect(endpointsOf(named).map(({ name }) => name)).toEqual(['shop-1', 'second.one']);
  });

  test('9.5 two of one URL are two endpoints', () => {
    const both = withEndpoints(
      { url: URL_OF_SHOP, event_types: ['cache_miss'] },
      { url: URL_OF_SHOP, event_types: ['member_added'] },
    );
    expect(endpointsOf(both).map(({ eventTypes }) => eventTypes)).toEqual([['cache_miss'], ['member_added']]);
  });

  test("9.5 are read from JSON text, as soketi's tables have it, and from soketi's names of an app", () => {
    const text = JSON.stringify([{ url: URL_OF_SHOP, event_types: ['cache_miss'] }]);
    for (const app of [
      { id: 'shop', key: 'key', secret: 'secret', webhooks: text },
      { AppId: 'shop', AppKey: 'key', AppSecret: 'secret', Webhooks: JSON.parse(text) as unknown },
    ])
      expect(endpointsOf(withApps(app)).map(({ name }) => name)).toEqual(['shop-1']);
    expect(endpointsOf(withApps({ id: 'shop', key: 'key', secret: 'secret', webhooks: '[]' }))).toEqual([]);
  });

  test('9.3 events without a channel have an endpoint of their own', () => {
    const types = ['connection_opened', 'connection_closed', 'user_online', 'user_offline'];
    expect(endpointOf({ event_types: types })?.eventTypes).toEqual(types);
  });
});

describe('the endpoint of the variables', () => {
  const VARIABLES = {
    REVERB_WEBHOOK_URL: URL_OF_SHOP,
    REVERB_WEBHOOK_EVENTS: 'member_added, member_removed',
    REVERB_WEBHOOK_CHANNEL_PREFIX: 'presence-',
    REVERB_WEBHOOK_CHANNEL_SUFFIX: '-eu',
    REVERB_WEBHOOK_SUBSCRIPTION_COUNT: 'true',
  };

  test('9.5 is that of the app of the environment', () => {
    expect(endpointsOf({ ...REVERB, ...VARIABLES })).toEqual([
      {
        name: 'shop-1',
        url: new URL(URL_OF_SHOP),
        eventTypes: ['member_added', 'member_removed', 'subscription_count'],
        channelPrefix: 'presence-',
        channelSuffix: '-eu',
        headers: {},
      },
    ]);
    expect(endpointsOf(REVERB)).toEqual([]);
  });

  test('9.5 is that of each app in JSON without a list of its own', () => {
    const apps = withApps(
      APP,
      { ...APP, app_id: 'b', key: 'b', webhooks: null },
      { ...APP, app_id: 'c', key: 'c', webhooks: [] },
    );
    expect(endpointsOf({ ...apps, ...VARIABLES }).map(({ name }) => name)).toEqual(['shop-1', 'b-1']);
  });

  test.each([
    ['REVERB_WEBHOOK_URL', 'shop.test', 'REVERB_WEBHOOK_URL="shop.test": expected a URL that begins with'],
    ['REVERB_WEBHOOK_EVENTS', 'vacated', 'REVERB_WEBHOOK_EVENTS="vacated": expected one of channel_occ'],
    [
      'REVERB_WEBHOOK_EVENTS',
      'user_online',
      'REVERB_WEBHOOK_EVENTS: expected an endpoint of their own for connection_opened',
    ],
    ['REVERB_WEBHOOK_SUBSCRIPTION_COUNT', 'x', 'REVERB_WEBHOOK_SUBSCRIPTION_COUNT="x": expected true or'],
  ])('9.5 %s=%s is refused', (name, value, problem) => {
    expect(problemsOf({ ...REVERB, ...VARIABLES, [name]: value })).toEqual([
      expect.stringContaining(problem),
    ]);
  });
});

describe('what is refused at the start', () => {
  const PLACE = 'WAVEHALL_APPS[0].webhooks[0]';

  test.each([
    'shop.test/hook',
    'ftp://shop.test',
    'https://',
    'http:/\\',
    7,
    undefined,
    'redis+tls://a/queue:b',
    'unix:',
  ])('9.5 %s as a URL', (url) => {
    expect(problemsOfEndpoint({ url })).toEqual([
      expect.stringMatching(/^WAVEHALL_APPS\[0\]\.webhooks\[0\]\.url(="[^"]*")?: expected a (URL|queue) /),
    ]);
  });

  test.each([
    'redis://10.0.0.1',
    'redis://10.0.0.1/0',
    'redis://10.0.0.1/queue:',
    'redis://10.0.0.1/x/queue:a',
    'redis:///queue:a',
    'rediss://a.test/queue/a',
    'unix:///queue:a',
    'unix:///run/redis.sock',
  ])('9.8 %s: a queue without a name or a server', (url) => {
    expect(problemsOfEndpoint({ url })).toEqual([
      `${PLACE}.url="${url}": expected a queue at the end, such as redis://127.0.0.1:6379/0/queue:default or unix:///run/redis.sock/queue:default`,
    ]);
  });

  test.each([
    'redis://10.0.0.1/queue:default',
    'rediss://me:secret@redis.test:6380/3/queue:webhooks',
    'unix:///run/redis/redis.sock/queue:default',
  ])('9.8 %s is a queue, on a private server too', (url) => {
    expect(endpointOf({ url })?.url.href).toBe(url);
  });

  test.each([
    'http://127.0.0.1:8000',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://10.1.2.3',
    'http://172.16.0.1',
    'http://192.168.1.1',
    'http://169.254.169.254/latest/meta-data',
    'http://100.64.0.1',
    'http://0.0.0.0',
    'http://224.0.0.1',
    'http://[::1]',
    'http://[::]',
    'http://[fe80::1]',
    'http://[fd00::1]',
    'http://[::ffff:10.0.0.1]',
    'http://localhost:8000/hook',
    'http://a.localhost.',
  ])('9.7 %s: an address that is not public, unless it is allowed', (url) => {
    expect(problemsOfEndpoint({ url })).toEqual([
      `${PLACE}.url="${url}": expected a public address, or WAVEHALL_WEBHOOK_ALLOW_PRIVATE with the network of this one`,
    ]);
    expect(problemsOf({ ...withEndpoints({ url }), WAVEHALL_WEBHOOK_ALLOW_PRIVATE: 'true' })).toEqual([]);
  });

  test.each(['https://203.0.114.1/hook', 'https://[2606:4700::1]/hook', 'http://127.0.0.1.shop.test/'])(
    '9.7 %s is public, or a name that is resolved later',
    (url) => {
      expect(problemsOfEndpoint({ url })).toEqual([]);
    },
  );

  test('9.7 an address is allowed by itself or by its network, and no other', () => {
    const allow = (networks: string, host: string) =>
      problemsOf({
        ...withEndpoints({ url: `http://${host}` }),
        WAVEHALL_WEBHOOK_ALLOW_PRIVATE: networks,
      }).length;
    expect(allow('10.0.0.0/8, fd00::/8', '10.1.2.3')).toBe(0);
    expect(allow('10.0.0.0/8, fd00::/8', '[fd00::7]')).toBe(0);
    expect(allow('10.0.0.0/8, fd00::/8', '11.0.0.1')).toBe(0);
    expect(allow('10.0.0.0/8, fd00::/8', '192.168.0.1')).toBe(1);
    expect(allow('127.0.0.1', '127.0.0.1')).toBe(0);
    expect(allow('127.0.0.1', '127.0.0.2')).toBe(1);
    expect(allow('127.0.0.1', 'localhost')).toBe(0);
    expect(allow('10.0.0.0/8', 'localhost')).toBe(1);
    const set = readConfig({ ...REVERB, WAVEHALL_WEBHOOK_ALLOW_PRIVATE: '127.0.0.1, ::1, 10.0.0.0/8' });
    expect(set.webhookPrivateNetworks).toEqual(['127.0.0.1/32', '::1/128', '10.0.0.0/8']);
  });

  test.each(['perhaps', '10.0.0.0/33', '10.0.0.0/8, x', '127.1'])('9.7 %s as networks', (networks) => {
    expect(problemsOf({ ...REVERB, WAVEHALL_WEBHOOK_ALLOW_PRIVATE: networks })).toEqual([
      expect.stringContaining('WAVEHALL_WEBHOOK_ALLOW_PRIVATE='),
    ]);
  });

  test('9.5 an unknown event, with the name of each that there is', () => {
    expect(problemsOfEndpoint({ event_types: ['member_added', 'vacated', 7] })).toEqual(
      ['"vacated"', '"7"'].map(
        (shown) =>
          `${PLACE}.event_types=${shown}: expected one of ${USUAL.join(', ')}, subscription_count, connection_opened, connection_closed, user_online, user_offline`,
      ),
    );
    expect(problemsOfEndpoint({ event_types: 'member_added' })).toEqual([
      `${PLACE}.event_types: expected a list of events`,
    ]);
  });

  test('9.3 events with and without a channel on one endpoint', () => {
    const expected = [
      `${PLACE}.event_types: expected an endpoint of their own for connection_opened, connection_closed, user_online and user_offline, because they have no channel`,
    ];
    expect(problemsOfEndpoint({ event_types: ['member_added', 'user_online'] })).toEqual(expected);
    expect(problemsOfEndpoint({ event_types: ['user_online'], subscription_count: true })).toEqual(expected);
  });

  test('9.3 a filter of channels for events without one', () => {
    const filter = { channel_name_starts_with: 'a' };
    expect(problemsOfEndpoint({ event_types: ['user_online'], filter })).toEqual([
      `${PLACE}.filter: expected none, because these events have no channel`,
    ]);
  });

  test('9.5 two endpoints with one name, in one app or in two', () => {
    const one = { url: URL_OF_SHOP, name: 'one' };
    const problem = ['WAVEHALL_APPS: webhooks name "one": expected to be used by one endpoint only'];
    expect(problemsOf(withEndpoints(one, one))).toEqual(problem);
    const apps = withApps({ ...APP, webhooks: [one] }, { ...APP, app_id: 'b', key: 'b', webhooks: [one] });
    expect(problemsOf(apps)).toEqual(problem);
    const usual = withEndpoints({ url: URL_OF_SHOP }, { url: URL_OF_SHOP, name: 'shop-1' });
    expect(problemsOf(usual)).toHaveLength(1);
  });

  test.each(['', 'a b', 'a/b', 'x'.repeat(65), 7])('9.5 %s as a name', (name) => {
    expect(problemsOfEndpoint({ name })).toEqual([
      expect.stringMatching(/webhooks\[0\]\.name="[^"]*": expected at most 64 letters/),
    ]);
    expect(problemsOfEndpoint({ name: 'x'.repeat(64) })).toEqual([]);
  });

  test.each([
    'Content-Type',
    'x-pusher-key',
    'X-PUSHER-SIGNATURE',
    'Wavehall-Delivery',
    'wavehall-attempt',
    'Content-Length',
    'Transfer-Encoding',
    'Connection',
    'HOST',
    'Te',
  ])('9.1 the header %s, which the server writes', (name) => {
    expect(problemsOfEndpoint({ headers: { [name]: 'x' } })).toEqual([
      `${PLACE}.headers.${name}: expected another header, because the server sends this one itself`,
    ]);
  });

  test.each([
    [{ 'X-A': 7 }, '.X-A: expected a text on one line'],
    [{ 'X-A': 'hush\r\nX-Pusher-Key: b' }, '.X-A: expected a text on one line'],
    [{ 'X A': 'hush' }, '.X A: expected the name of a header'],
    [{ '': 'hush' }, '.: expected the name of a header'],
    ['hush', ': expected an object of names and texts'],
    [['hush'], ': expected an object of names and texts'],
  ])('9.1 %o as headers, without showing a value', (headers, problem) => {
    expect(problemsOfEndpoint({ headers })).toEqual([`${PLACE}.headers${problem}`]);
  });

  test.each(['https://me:%ff@shop.test', 'redis://me:%zz@a/queue:b', 'redis://a/queue:%ff'])(
    '9.5 %s with escapes that cannot be read',
    (url) => {
      expect(problemsOfEndpoint({ url })).toEqual([
        expect.stringContaining(': expected a URL whose escapes, such as %40, stand for UTF-8'),
      ]);
    },
  );

  test('9.8 headers for a queue', () => {
    expect(problemsOfEndpoint({ url: 'redis://a/queue:b', headers: { 'X-A': 'b' } })).toEqual([
      `${PLACE}.headers: expected none, because a job on a queue has no headers`,
    ]);
  });

  test.each([{ channel_pattern: 'a' }, { channel_name_starts_with: 7 }, 'a', ['a']])(
    '9.5 %o as a filter',
    (filter) => {
      expect(problemsOfEndpoint({ filter })).toEqual([
        `${PLACE}.filter: expected an object of texts with channel_name_starts_with and channel_name_ends_with`,
      ]);
    },
  );

  test('9.5 a key that is not known', () => {
    expect(problemsOfEndpoint({ event_type: ['member_added'] })).toEqual([
      `${PLACE}.event_type: expected no such key; there are url, name, event_types, filter, headers, subscription_count`,
    ]);
  });

  test('9.5 a function of AWS Lambda, which soketi calls', () => {
    const endpoint = { lambda_function: 'hook', event_types: [] };
    expect(problemsOf(withEndpoints(endpoint))).toEqual([
      `${PLACE}.lambda_function: expected a url, because functions of AWS Lambda are not called here: give the function a URL`,
    ]);
  });

  test.each([7, {}, 'not json', '{"url":"https://a.test"}'])(
    '9.5 %o as the list of endpoints',
    (webhooks) => {
      expect(problemsOf(withApps({ ...APP, webhooks }))).toEqual([
        'WAVEHALL_APPS[0].webhooks: expected a list of endpoints',
      ]);
      expect(problemsOf(withEndpoints('https://a.test'))).toEqual([`${PLACE}: expected an object`]);
    },
  );

  test.each([
    'https://me:hush@127.0.0.1/hook',
    'ftp://me:hush@shop.test',
    'redis://me:hush@10.0.0.1',
    'redis://:hush@10.0.0.1/0',
    'unix:///run/redis.sock?password=hush',
    'https://127.0.0.1/?token=hush',
  ])('9.7 a message shows no password: %s', (url) => {
    const [problem, ...others] = problemsOfEndpoint({ url });
    expect(others).toEqual([]);
    expect(problem).toContain(`${PLACE}.url="`);
    expect(problem).not.toContain('hush');
  });
});

describe('settings of the delivery', () => {
  test('9.9 have defaults', () => {
    expect(readConfig(REVERB)).toMatchObject({
      webhookSmoothingMs: 3000,
      webhookTimeoutSeconds: 4,
      webhookRetries: undefined,
      webhookRetryDelaySeconds: 1,
      webhookRetrySeconds: 300,
      webhookBatching: false,
      webhookBatchEvents: 100,
      webhookBatchDelayMs: 50,
      webhookBatchBytes: 262_144,
      webhookMaxWaiting: 100_000,
      webhookDeadLetters: 10_000,
      webhookDeadLetterSeconds: 604_800,
      webhookPrivateNetworks: [],
    });
  });

  test.each([
    ['REVERB_WEBHOOK_DISCONNECT_SMOOTHING_MS', '60000', '60001'],
    ['REVERB_WEBHOOK_TIMEOUT', '60', '61'],
    ['REVERB_WEBHOOK_TIMEOUT', '1', '0'],
    ['REVERB_WEBHOOK_RETRIES', '1000', '1001'],
    ['REVERB_WEBHOOK_RETRY_DELAY', '300', '301'],
    ['WAVEHALL_WEBHOOK_RETRY_SECONDS', '86400', '86401'],
    ['REVERB_WEBHOOK_BATCHING_MAX_EVENTS', '1000', '1001'],
    ['REVERB_WEBHOOK_BATCHING_MAX_DELAY_MS', '10000', '10001'],
    ['REVERB_WEBHOOK_BATCHING_MAX_PAYLOAD_BYTES', '1024', '1023'],
    ['WAVEHALL_WEBHOOK_MAX_WAITING', '1', '0'],
    ['WAVEHALL_WEBHOOK_DEAD_LETTERS', '1000000', '1000001'],
    ['WAVEHALL_WEBHOOK_DEAD_LETTER_TTL', '1', '0'],
  ])('9.9 %s may be %s and not %s', (name, last, beyond) => {
    expect(problemsOf({ ...REVERB, [name]: last })).toEqual([]);
    expect(problemsOf({ ...REVERB, [name]: beyond })).toEqual([
      expect.stringContaining(`${name}="${beyond}": expected a whole number from`),
    ]);
  });

  test('9.4 smoothing can be turned off', () => {
    const none = readConfig({ ...REVERB, REVERB_WEBHOOK_DISCONNECT_SMOOTHING_MS: '0' });
    expect(none.webhookSmoothingMs).toBe(0);
  });

  test('9.6 attempts are counted only if their number is set', () => {
    const retries = (text: string) => readConfig({ ...REVERB, REVERB_WEBHOOK_RETRIES: text }).webhookRetries;
    expect(['', '0', '3'].map(retries)).toEqual([undefined, 0, 3]);
  });
});
