import { describe, expect, test } from 'vitest';
import { publish } from '../../src/core/channels/publish.ts';
import type { Stores } from '../../src/core/ports/stores.ts';
import {
  type Client,
  dataOf,
  deferred,
  openCore,
  REQUEST,
  settled,
  type TestCore,
  testApp,
  withOverrides,
} from './fakes.ts';

const app = testApp({ subscriptionCounts: true });

/** Stores whose roster, cached events and joins answer only once the test releases them. */
function slowSite() {
  const gates = { join: deferred(), ask: deferred(), members: deferred(), last: deferred() };
  gates.ask.release();
  const site = openCore({
    apps: [app],
    stores: (memory: Stores): Stores => ({
      ...memory,
      membership: withOverrides(memory.membership, {
        join: async (ref, joining) => {
          await memory.membership.join(ref, joining);
          await gates.join.promise;
        },
        members: async (ref) => {
          await gates.ask.promise;
          const members = await memory.membership.members(ref);
          await gates.members.promise;
          return members;
        },
      }),
      cachedEvents: {
        last: async (ref) => {
          const remembered = await memory.cachedEvents.last(ref);
          await gates.last.promise;
          return remembered;
        },
      },
    }),
  });
  return { site, gates };
}

const publishEvent = (site: TestCore, channel: string, name: string, except?: string): Promise<void> =>
  publish({ ...site, ...site.stores }, app, { name, dataJson: '"{}"', channels: [channel], except }, REQUEST);

const events = (client: Client): string[] =>
  client.frames.slice(1).map(({ event }) => event.replace(/^pusher(_internal)?:/, ''));

describe('order of frames on a subscription', () => {
  test.each(['orders', 'presence-room', 'cache-orders', 'presence-cache-room'])(
    '3.4 %s: events published before, while and after it is greeted come behind the greeting, each once',
    async (channel) => {
      const { site, gates } = slowSite();
      const client = await site.connect();
      client.subscribe(channel, { user_id: '7' });
      await settled();
      await publishEvent(site, channel, 'one');
      gates.join.release();
      await settled();
      await publishEvent(site, channel, 'two');
      gates.members.release();
      await settled();
      await publishEvent(site, channel, 'three');
      gates.last.release();
      await settled();
      await publishEvent(site, channel, 'four');
      await settled();
      const received = events(client).filter((event) => event !== 'subscription_count');
      expect(received).toEqual(['subscription_succeeded', 'one', 'two', 'three', 'four']);
    },
  );

  test('3.10 the cached event is sent before those that are published after it was read', async () => {
    const { site, gates } = slowSite();
    await publishEvent(site, 'cache-orders', 'kept');
    const client = await site.connect();
    client.subscribe('cache-orders');
    gates.join.release();
    await settled();
    await publishEvent(site, 'cache-orders', 'one');
    gates.last.release();
    await settled();
    expect(events(client)).toEqual(['subscription_succeeded', 'kept', 'one', 'subscription_count']);
  });

  test('3.10 the cached event is sent to its own publisher, which gets no live one', async () => {
    const { site, gates } = slowSite();
    const client = await site.connect();
    client.subscribe('cache-orders');
    await settled();
    await publishEvent(site, 'cache-orders', 'own', client.socketId);
    gates.join.release();
    gates.last.release();
    await settled();
    expect(events(client)).toEqual(['subscription_succeeded', 'own', 'subscription_count']);
  });

  test('3.10 a cache_miss is sent when no event was published before the lookup', async () => {
    const { site, gates } = slowSite();
    const client = await site.connect();
    client.subscribe('cache-orders');
    gates.join.release();
    await settled();
    await publishEvent(site, 'cache-orders', 'one');
    gates.last.release();
    await settled();
    expect(events(client)).toEqual(['subscription_succeeded', 'cache_miss', 'one', 'subscription_count']);
  });

  test('3.4 no frame is sent before the roster has been read', async () => {
    const { site, gates } = slowSite();
    const client = await site.connect();
    client.subscribe('presence-room', { user_id: '7' });
    gates.join.release();
    await settled();
    for (let at = 0; at < 50; at += 1) await publishEvent(site, 'presence-room', `event-${at}`);
    await settled();
    expect(events(client)).toEqual([]);
    gates.members.release();
    await settled();
    expect(events(client)).toEqual([
      'subscription_succeeded',
      ...Array.from({ length: 50 }, (_, at) => `event-${at}`),
    ]);
  });

  test('3.4 events held for one subscriber are sent to the others without delay', async () => {
    const { site, gates } = slowSite();
    gates.join.release();
    const [early, late] = [await site.connect(), await site.connect()];
    early.subscribe('orders');
    late.subscribe('presence-room', { user_id: '7' });
    await settled();
    await publishEvent(site, 'orders', 'one');
    await settled();
    expect(events(early)).toContain('one');
    expect(events(late)).toEqual([]);
  });

  test('3.13 the excluded socket does not receive its own event from the held events', async () => {
    const { site, gates } = slowSite();
    const client = await site.connect();
    client.subscribe('orders');
    await settled();
    await publishEvent(site, 'orders', 'own', client.socketId);
    await publishEvent(site, 'orders', 'others');
    gates.join.release();
    await settled();
    expect(events(client)).toEqual(['subscription_succeeded', 'others', 'subscription_count']);
  });

  test('4.4 the others get member_added before the member gets its success, and the member never gets it', async () => {
    const { site, gates } = slowSite();
    gates.join.release();
    gates.members.release();
    const watcher = await site.connect();
    watcher.subscribe('presence-room', { user_id: '1' });
    await settled();
    gates.members = deferred();
    const client = await site.connect();
    client.subscribe('presence-room', { user_id: '2', user_info: { name: 'B' } });
    await settled();
    expect(events(watcher).at(-1)).toBe('member_added');
    expect(dataOf(watcher.frames.at(-1))).toEqual({ user_id: '2', user_info: { name: 'B' } });
    expect(events(client)).toEqual([]);
    gates.members.release();
    await settled();
    expect(events(client)).toEqual(['subscription_succeeded']);
  });

  test('4.4 a member that joined before the roster was read is in it, without member_added; a later one gets it', async () => {
    const { site, gates } = slowSite();
    gates.join.release();
    gates.ask = deferred();
    const [client, early, late] = [await site.connect(), await site.connect(), await site.connect()];
    client.subscribe('presence-room', { user_id: '1' });
    early.subscribe('presence-room', { user_id: '2' });
    await settled();
    gates.ask.release();
    await settled();
    late.subscribe('presence-room', { user_id: '3' });
    await settled();
    early.unsubscribe('presence-room');
    gates.members.release();
    await settled();
    const roster = dataOf(client.frames[1]) as { presence: { ids: string[] } };
    const news = client.frames.slice(2).map((frame) => [frame.event, dataOf(frame)]);
    expect([roster.presence.ids, news]).toEqual([
      ['1', '2'],
      [
        ['pusher_internal:member_added', { user_id: '3' }],
        ['pusher_internal:member_removed', { user_id: '2' }],
      ],
    ]);
  });

  test('3.9 the count is sent after the success, and to the newest subscriber as well', async () => {
    const { site, gates } = slowSite();
    gates.join.release();
    gates.last.release();
    const [first, second] = [await site.connect(), await site.connect()];
    first.subscribe('cache-orders');
    await settled();
    second.subscribe('cache-orders');
    await settled();
    expect(events(first)).toEqual([
      'subscription_succeeded',
      'cache_miss',
      'subscription_count',
      'subscription_count',
    ]);
    expect(events(second)).toEqual(['subscription_succeeded', 'cache_miss', 'subscription_count']);
    expect(dataOf(second.frames.at(-1))).toEqual({ subscription_count: 2 });
  });
});
