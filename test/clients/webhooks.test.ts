/** Webhooks that pusher-js causes, as Pusher's Node SDK receives them. */
import { afterEach, expect, test } from 'vitest';
import { CHANNEL_EVENTS, OTHER_EVENTS, startEndpoint, webhookVariables } from '../support/webhooks.ts';
import { inState, openClients, subscribeTo } from './stock-clients.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A server with an endpoint for each kind of events, and clients. */
async function open(smoothingMs?: number, types: readonly string[] = CHANNEL_EVENTS) {
  const channels = await startEndpoint('channels', types);
  closing.push(channels.close);
  const others = await startEndpoint('others', OTHER_EVENTS);
  closing.push(others.close);
  const clients = await openClients(webhookVariables([channels.json, others.json], smoothingMs));
  closing.push(() => clients.close());
  return { channels, others, clients };
}

type Site = Awaited<ReturnType<typeof open>>;

/** Causes events that come after all that were due before, and waits for them. */
async function fence({ channels, clients }: Site): Promise<void> {
  const name = clients.name('fence');
  const client = clients.pusher();
  await subscribeTo(client, name);
  client.unsubscribe(name);
  await channels.arrived({ name: 'channel_vacated', channel: name });
  client.disconnect();
}

const about = ({ channels }: Site, channel: string) =>
  channels.events().filter((event) => event.channel === channel);

test('9.2 each event of a channel has the form of Pusher, and its SDK accepts the signature', async () => {
  const site = await open();
  const { channels, clients } = site;
  const ada = clients.pusher('ada');
  const socketId = await inState(ada, 'connected');
  const { channel } = await subscribeTo(ada, 'presence-room');
  channel.trigger('client-typing', { at: 1 });
  await channels.arrived({ name: 'client_event' });
  await subscribeTo(ada, 'private-cache-price');
  await subscribeTo(ada, 'news');
  await channels.arrived({ name: 'subscription_count', channel: 'news' });
  ada.disconnect();
  for (const name of ['presence-room', 'private-cache-price', 'news'])
    await channels.arrived({ name: 'channel_vacated', channel: name });
  expect(about(site, 'presence-room')).toEqual([
    { name: 'channel_occupied', channel: 'presence-room' },
    { name: 'member_added', channel: 'presence-room', user_id: 'ada' },
    {
      name: 'client_event',
      channel: 'presence-room',
      event: 'client-typing',
      data: '{"at":1}',
      socket_id: socketId,
      user_id: 'ada',
    },
    { name: 'member_removed', channel: 'presence-room', user_id: 'ada' },
    { name: 'channel_vacated', channel: 'presence-room' },
  ]);
  expect(about(site, 'private-cache-price')).toEqual([
    { name: 'channel_occupied', channel: 'private-cache-price' },
    { name: 'subscription_count', channel: 'private-cache-price', subscription_count: 1 },
    { name: 'cache_miss', channel: 'private-cache-price' },
    { name: 'channel_vacated', channel: 'private-cache-price' },
  ]);
  expect(about(site, 'news')).toEqual([
    { name: 'channel_occupied', channel: 'news' },
    { name: 'subscription_count', channel: 'news', subscription_count: 1 },
    { name: 'channel_vacated', channel: 'news' },
  ]);
  for (const { headers, body } of channels.receiver.requests) {
    const webhook = clients.sdk.webhook({ headers, rawBody: body });
    expect([webhook.isValid(), webhook.getEvents()]).toEqual([
      true,
      (JSON.parse(body) as { events: object[] }).events,
    ]);
    expect(headers['content-type']).toBe('application/json');
    expect(Object.keys(JSON.parse(body) as object)).toEqual(['time_ms', 'events']);
  }
});

test('9.3 connections and signed-in users are told to an endpoint of their own, with reason and time', async () => {
  const site = await open();
  const { channels, others, clients } = site;
  const [ada, second] = [clients.pusher('ada'), clients.pusher('ada')];
  const socketId = await inState(ada, 'connected');
  await inState(second, 'connected');
  for (const each of [ada, second]) {
    each.signin();
    await each.user.signinDonePromise;
  }
  await others.arrived({ name: 'user_online' });
  ada.disconnect();
  expect(await others.arrived({ name: 'connection_closed', socket_id: socketId })).toEqual({
    name: 'connection_closed',
    socket_id: socketId,
    user_id: 'ada',
    reason: 'client',
    code: 1000,
    seconds: expect.any(Number) as number,
  });
  await clients.sdk.terminateUserConnections('ada');
  expect(await others.arrived({ name: 'connection_closed', reason: 'terminated' })).toMatchObject({
    user_id: 'ada',
    code: 4009,
  });
  await others.arrived({ name: 'user_offline' });
  expect(others.events().filter(({ name }) => name.startsWith('user_'))).toEqual([
    { name: 'user_online', user_id: 'ada' },
    { name: 'user_offline', user_id: 'ada' },
  ]);
  expect(others.events().filter(({ name }) => name === 'connection_opened')).toContainEqual({
    name: 'connection_opened',
    socket_id: socketId,
  });
  expect(channels.events()).toEqual([]);
});

test('9.4 clients that miss the same cache together are one cache_miss', async () => {
  const site = await open();
  const { clients } = site;
  const name = clients.name('cache-price');
  await Promise.all(Array.from({ length: 20 }, () => subscribeTo(clients.pusher(), name)));
  await fence(site);
  expect(about(site, name).filter((event) => event.name === 'cache_miss')).toEqual([
    { name: 'cache_miss', channel: name },
  ]);
});

test('9.4 above 100 subscribers the number is told at most every 5 seconds, the last value always', async () => {
  const { channels, clients } = await open();
  const startedMs = Date.now();
  const subscribed = Array.from({ length: 120 }, () => subscribeTo(clients.pusher(), 'busy'));
  await Promise.all(subscribed);
  await channels.arrived({ name: 'subscription_count', subscription_count: 120 }, 15_000);
  const counts = channels
    .events()
    .filter(({ name }) => name === 'subscription_count')
    .map((event) => Number(event.subscription_count));
  expect(counts.filter((count) => count <= 100)).toHaveLength(100);
  const above = counts.filter((count) => count > 100);
  expect(above.at(-1)).toBe(120);
  expect(above.length).toBeLessThanOrEqual((Date.now() - startedMs) / 5000);
}, 60_000);

/** The events that are usual, but for `cache_miss`: a cache may be empty at each load. */
const TRANSITIONS = ['channel_occupied', 'channel_vacated', 'member_added', 'member_removed', 'client_event'];

test('9.4 a page that is loaded again 100 times causes no webhook', async () => {
  const site = await open(2000, TRANSITIONS);
  const { channels, clients } = site;
  const names = ['news', 'presence-room'];
  const load = async () => {
    const page = clients.pusher('ada');
    await Promise.all(names.map((name) => subscribeTo(page, name)));
    return page;
  };
  let page = await load();
  await channels.arrived({ name: 'member_added' });
  for (let reload = 0; reload < 100; reload += 1) {
    page.disconnect();
    page = await load();
  }
  await fence(site);
  const told = channels.events().filter(({ channel = '' }) => names.includes(channel));
  expect(told.map(({ name }) => name).sort()).toEqual([
    'channel_occupied',
    'channel_occupied',
    'member_added',
  ]);
}, 60_000);
