import type { WebhookType } from '#protocol';
import { expect, test } from 'vitest';
import type { App, WebhookEndpoint } from '../../src/core/app.ts';
import { Unavailable } from '../../src/core/ports/failures.ts';
import type { Stores } from '../../src/core/ports/stores.ts';
import type { Outbox, WebhookRecord } from '../../src/core/ports/webhooks.ts';
import { CACHE_MISS_MS } from '../../src/core/webhooks/node-events.ts';
import { webhookWishes } from '../../src/core/webhooks/wishes.ts';
import { openCore, settled, testApp } from './fakes.ts';

const SETTINGS = { smoothingMs: 3000, maxWaiting: 10, maxDead: 10, deadTtlMs: 1000 };

const endpoint = (
  eventTypes: readonly WebhookType[],
  more: Partial<WebhookEndpoint> = {},
): WebhookEndpoint => ({
  name: 'shop',
  url: new URL('https://shop.test/hook'),
  eventTypes,
  channelPrefix: '',
  channelSuffix: '',
  headers: {},
  ...more,
});
const appWith = (...webhooks: readonly WebhookEndpoint[]): App => testApp({ webhooks });

/** A core of one node whose outbox only remembers. */
function openTold(app: App, changed = (stores: Stores): Stores => stores) {
  const added: WebhookRecord[] = [];
  const once: number[] = [];
  const outbox = {
    add: (record: WebhookRecord) => Promise.resolve(void added.push(record)),
    addOnce: (record: WebhookRecord, ms: number) => {
      once.push(ms);
      return Promise.resolve(void added.push(record));
    },
  } as unknown as Outbox;
  const core = openCore({ apps: [app], stores: (memory) => changed({ ...memory, outbox }) });
  return { core, added, once };
}

test('9.2 an accepted client event on a signed channel is told, with its data as text; a public one is not', async () => {
  const { core, added } = openTold(appWith(endpoint(['client_event'])));
  const client = await core.connect();
  client.subscribe('private-room');
  client.subscribe('room');
  client.subscribe('presence-room', { user_id: 7 });
  await settled();
  client.send({ event: 'client-typing', channel: 'private-room', data: { a: 1 } });
  client.send({ event: 'client-typing', channel: 'room', data: 'x' });
  client.send({ event: 'client-typing', channel: 'presence-room', data: 'x' });
  client.send({ event: 'client-typing', channel: 'private-elsewhere', data: 'x' });
  await settled();
  const socket_id = client.socketId;
  expect(added).toEqual([
    {
      type: 'client_event',
      ref: { app: 'app-id', channel: 'private-room' },
      fields: { event: 'client-typing', data: '{"a":1}', socket_id },
    },
    {
      type: 'client_event',
      ref: { app: 'app-id', channel: 'presence-room' },
      fields: { event: 'client-typing', data: 'x', socket_id, user_id: '7' },
    },
  ]);
});

test('9.4 a subscriber that finds an empty cache channel is told once for a time', async () => {
  const { core, added, once } = openTold(appWith(endpoint(['cache_miss'])));
  const client = await core.connect();
  client.subscribe('cache-prices');
  client.subscribe('prices');
  await settled();
  expect(added).toEqual([
    { type: 'cache_miss', ref: { app: 'app-id', channel: 'cache-prices' }, fields: {} },
  ]);
  expect(once).toEqual([CACHE_MISS_MS]);
});

test('9.4 a cache that cannot be read is no miss to tell, though its subscriber is to fetch', async () => {
  const app = appWith(endpoint(['cache_miss']));
  const unread = { last: () => Promise.reject(new Unavailable('away')) };
  const { core, added } = openTold(app, (stores) => ({ ...stores, cachedEvents: unread }));
  const client = await core.connect();
  client.subscribe('cache-prices');
  await settled();
  expect(client.eventNames.at(-1)).toBe('pusher:cache_miss cache-prices');
  expect(added).toEqual([]);
});

test('9.3 a connection is told when it opens, and when it closes with its reason and seconds', async () => {
  const { core, added } = openTold(appWith(endpoint(['connection_opened', 'connection_closed'])));
  const client = await core.connect();
  core.clock.pass(90_400);
  client.close(1001);
  await settled();
  const ref = { app: 'app-id', channel: `#socket-${client.socketId}` };
  const fields = { socket_id: client.socketId };
  expect(added).toEqual([
    { type: 'connection_opened', ref, fields },
    { type: 'connection_closed', ref, fields: { ...fields, reason: 'client', code: 1001, seconds: 90 } },
  ]);
});

test('9.5 nothing is told of a type or a channel that no endpoint wants', async () => {
  const only = endpoint(['client_event', 'cache_miss'], { channelPrefix: 'private-a' });
  const { core, added } = openTold(appWith(only));
  const client = await core.connect();
  client.subscribe('private-b');
  client.subscribe('cache-b');
  await settled();
  client.send({ event: 'client-typing', channel: 'private-b', data: 'x' });
  client.close(1000);
  await settled();
  expect(added).toEqual([]);
});

test('9.5 the stores keep what an endpoint wants of a channel: both filters have to fit', () => {
  const app = appWith(
    endpoint(['channel_vacated'], { channelPrefix: 'private-', channelSuffix: '.live' }),
    endpoint(['member_added', 'subscription_count'], { name: 'second' }),
  );
  const wishes = webhookWishes([testApp({ id: 'other' }), app], SETTINGS);
  const of = (channel: string) => wishes?.of({ app: app.id, channel });
  expect(wishes?.endpoints).toEqual(['shop', 'second']);
  expect(of('private-a.live')).toEqual({ occupancy: true, members: true, counts: true });
  expect(of('private-a')).toEqual({ occupancy: false, members: true, counts: true });
  expect(of('presence-a')).toEqual({ occupancy: false, members: true, counts: false });
  expect(wishes?.of({ app: 'other', channel: 'private-a.live' })).toBeUndefined();
});

test('9.3 internal channels are told of only as users who are online or offline', () => {
  const of = (types: readonly WebhookType[], channel: string) =>
    webhookWishes([appWith(endpoint(types))], SETTINGS)?.of({ app: 'app-id', channel });
  expect(of(['user_online'], '#user-7')).toEqual({ occupancy: false, members: true, counts: false });
  expect(of([], '#user-7')).toBeUndefined();
  expect(of([], '#server-to-user-7')).toBeUndefined();
});

test('9.5 without endpoints the stores keep nothing', () => {
  expect(webhookWishes([testApp()], SETTINGS)).toBeUndefined();
});
