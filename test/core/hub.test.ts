import { describe, expect, test } from 'vitest';
import type { Stores } from '../../src/core/ports/stores.ts';
import { eventPayload, deferred, openCore, settled, testApp, type TestCore, withOverrides } from './fakes.ts';

const ORDERS = { app: 'app-id', channel: 'orders' };
const ROOM = { app: 'app-id', channel: 'presence-room' };

/** Writes down what the node tells the cluster. */
function recording(calls: string[]) {
  return (memory: Stores): Stores => ({
    ...memory,
    broker: withOverrides(memory.broker, {
      subscribe: (ref) => {
        calls.push(`subscribe ${ref.channel}`);
        return memory.broker.subscribe(ref);
      },
      unsubscribe: (ref) => {
        calls.push(`unsubscribe ${ref.channel}`);
        return memory.broker.unsubscribe(ref);
      },
    }),
    membership: withOverrides(memory.membership, {
      join: (ref, joining) => {
        calls.push(`join ${ref.channel} ${joining.subscriptions} ${joining.member?.id ?? '-'}`);
        return memory.membership.join(ref, joining);
      },
      leave: (ref, leaving) => {
        calls.push(`leave ${ref.channel} ${leaving.subscriptions} ${leaving.member?.id ?? '-'}`);
        return memory.membership.leave(ref, leaving);
      },
      count: (ref, subscriptions) => {
        calls.push(`count ${ref.channel} ${subscriptions}`);
        memory.membership.count(ref, subscriptions);
      },
    }),
  });
}

function openRecorded() {
  const calls: string[] = [];
  return { calls, site: openCore({ stores: recording(calls) }) };
}

/** The node keeps no state of a channel: an event for it has no subscriber. */
function isForgotten(site: TestCore, channel: string): boolean {
  const before = site.logger.debugs.length;
  site.hub.deliver({ app: 'app-id', channel }, { payload: eventPayload('probe', channel) });
  return site.logger.debugs.length === before;
}

describe('only the first and the last subscriber reach the cluster', () => {
  test('3.3 the first subscriber subscribes the node to the channel, later ones are only counted', async () => {
    const { calls, site } = openRecorded();
    for (let at = 0; at < 3; at += 1) (await site.connect()).subscribe('orders');
    await settled();
    expect(calls).toEqual(['subscribe orders', 'join orders 1 -', 'count orders 2', 'count orders 3']);
  });

  test('3.11 the last subscriber that leaves unsubscribes the node', async () => {
    const { calls, site } = openRecorded();
    const clients = [await site.connect(), await site.connect()];
    for (const client of clients) client.subscribe('orders');
    await settled();
    calls.length = 0;
    clients[0]?.close();
    await settled();
    expect(calls).toEqual(['count orders 1']);
    clients[1]?.unsubscribe('orders');
    await settled();
    expect(calls.slice(1)).toEqual(['unsubscribe orders', 'leave orders 0 -']);
    expect(isForgotten(site, 'orders')).toBe(true);
  });

  test('4.4 only the first and the last socket of a user change the members', async () => {
    const { calls, site } = openRecorded();
    const [first, second, other] = [await site.connect(), await site.connect(), await site.connect()];
    first.subscribe(ROOM.channel, { user_id: 7 });
    second.subscribe(ROOM.channel, { user_id: '7' });
    other.subscribe(ROOM.channel, { user_id: '8' });
    await settled();
    expect(calls.slice(1)).toEqual([
      'join presence-room 1 7',
      'count presence-room 2',
      'join presence-room 3 8',
    ]);
    calls.length = 0;
    first.close();
    await settled();
    second.close();
    await settled();
    expect(calls).toEqual(['count presence-room 2', 'leave presence-room 1 7']);
  });

  test('3.13 each app has channels of its own', async () => {
    const { site } = openRecorded();
    const client = await site.connect();
    client.subscribe('orders');
    await settled();
    site.hub.deliver({ app: 'other', channel: 'orders' }, { payload: eventPayload('x', 'orders') });
    await settled();
    expect(client.frames).toHaveLength(2);
  });
});

describe('one mutex for each channel', () => {
  test('3.4 no success is sent before the node is subscribed', async () => {
    const gate = deferred();
    const calls: string[] = [];
    const site = openCore({
      stores: (memory) => {
        const stores = recording(calls)(memory);
        return {
          ...stores,
          broker: withOverrides(stores.broker, { subscribe: () => gate.promise.then(() => undefined) }),
        };
      },
    });
    const [first, second] = [await site.connect(), await site.connect()];
    first.subscribe('orders');
    second.subscribe('orders');
    await settled();
    expect([first.frames.length, second.frames.length, calls.length]).toEqual([1, 1, 0]);
    gate.release();
    await settled();
    expect([first.frames.length, second.frames.length]).toEqual([2, 2]);
  });

  test('3.8 subscribing and leaving never overlap, for any sockets', async () => {
    let inside = 0;
    const steps: string[] = [];
    const slowly = async (step: string): Promise<void> => {
      steps.push(step);
      inside += 1;
      await settled(2);
      expect(inside).toBe(1);
      inside -= 1;
    };
    const site = openCore({
      stores: (memory) => ({
        ...memory,
        broker: withOverrides(memory.broker, {
          subscribe: () => slowly('subscribe').then(() => undefined),
          unsubscribe: () => slowly('unsubscribe'),
        }),
      }),
    });
    const clients = [await site.connect(), await site.connect(), await site.connect()];
    for (const client of clients) {
      client.subscribe('orders');
      client.unsubscribe('orders');
    }
    await settled(40);
    expect(steps.length).toBeGreaterThanOrEqual(2);
    expect(steps.filter((_, at) => at % 2 === 0).every((step) => step === 'subscribe')).toBe(true);
    expect(steps.filter((_, at) => at % 2 === 1).every((step) => step === 'unsubscribe')).toBe(true);
    expect(steps.length % 2).toBe(0);
    expect(isForgotten(site, 'orders')).toBe(true);
  });

  test('3.3 the mutex of one channel does not delay another', async () => {
    const gate = deferred();
    const site = openCore({
      stores: (memory) => ({
        ...memory,
        broker: withOverrides(memory.broker, {
          subscribe: ({ channel }) =>
            channel === 'slow' ? gate.promise.then(() => undefined) : Promise.resolve(undefined),
        }),
      }),
    });
    const [slow, fast] = [await site.connect(), await site.connect()];
    slow.subscribe('slow');
    fast.subscribe('fast');
    await settled();
    expect(fast.eventNames.at(-1)).toBe('pusher_internal:subscription_succeeded fast');
    expect(slow.frames).toHaveLength(1);
    gate.release();
    await settled();
    expect(slow.eventNames.at(-1)).toBe('pusher_internal:subscription_succeeded slow');
  });
});

describe('a failure during a subscription', () => {
  const failing = (what: 'broker.subscribe' | 'membership.join' | 'membership.members', calls: string[]) => {
    const fail = { now: true };
    const maybe = <T>(otherwise: () => Promise<T>): Promise<T> =>
      fail.now ? Promise.reject(new Error('out of reach')) : otherwise();
    const site = openCore({
      stores: (memory) => {
        const { broker, membership, ...others } = recording(calls)(memory);
        return {
          ...others,
          broker: withOverrides(broker, {
            subscribe: (ref) =>
              what === 'broker.subscribe' ? maybe(() => broker.subscribe(ref)) : broker.subscribe(ref),
          }),
          membership: withOverrides(membership, {
            join: (ref, joining) =>
              what === 'membership.join'
                ? maybe(() => membership.join(ref, joining))
                : membership.join(ref, joining),
            members: (ref) =>
              what === 'membership.members' ? maybe(() => membership.members(ref)) : membership.members(ref),
          }),
        };
      },
    });
    return { site, mend: () => (fail.now = false) };
  };

  test.each(['broker.subscribe', 'membership.join', 'membership.members'] as const)(
    '3.6 in %s leaves nothing behind, and the next attempt succeeds',
    async (what) => {
      const calls: string[] = [];
      const { site, mend } = failing(what, calls);
      const client = await site.connect();
      client.subscribe(ROOM.channel, { user_id: '7' });
      await settled();
      expect(client.socket.closed?.code).toBe(1011);
      expect(isForgotten(site, ROOM.channel)).toBe(true);
      const left = (step: string): number => calls.filter((call) => call.startsWith(step)).length;
      expect(left('unsubscribe')).toBe(left('subscribe'));
      mend();
      expect(await site.stores.membership.channels('app-id', '')).toEqual(new Map());
      const again = await site.connect();
      again.subscribe(ROOM.channel, { user_id: '7' });
      await settled();
      expect(again.eventNames.at(-1)).toBe('pusher_internal:subscription_succeeded presence-room');
      expect(await site.stores.membership.occupancy(ROOM)).toEqual({ subscriptions: 1, users: 1 });
    },
  );

  test('3.6 a member whose subscription failed is not announced, or removed at once', async () => {
    const calls: string[] = [];
    const site = openCore({
      stores: (memory) => ({
        ...recording(calls)(memory),
        cachedEvents: { last: () => Promise.reject(new Error('out of reach')) },
      }),
    });
    const watcher = await site.connect();
    const failed = await site.connect();
    watcher.subscribe('presence-room', { user_id: '1' });
    failed.subscribe('presence-cache-room', { user_id: '2' });
    await settled();
    expect(failed.socket.closed?.code).toBe(1011);
    expect(await site.stores.membership.members({ app: 'app-id', channel: 'presence-cache-room' })).toEqual(
      [],
    );
    expect(watcher.eventNames.filter((word) => word.includes('member_'))).toEqual([]);
  });
});

describe('cleanup', () => {
  test('3.11 a node that all clients have left keeps no channel and no socket', async () => {
    const { site } = openRecorded();
    const clients = Array.from({ length: 50 }, () => site.open());
    await settled();
    clients.forEach((client, at) => {
      for (const channel of ['orders', `own-${at}`, `presence-${at % 5}`])
        client.subscribe(channel, { user_id: at });
    });
    await settled();
    for (const client of clients) client.close();
    await settled(10);
    expect(site.hub.size).toBe(0);
    expect([...site.hub.connections()]).toEqual([]);
    expect(await site.stores.membership.channels('app-id', '')).toEqual(new Map());
    for (const channel of ['orders', 'own-7', 'presence-3']) expect(isForgotten(site, channel)).toBe(true);
    expect(site.logger.errors).toEqual([]);
  });

  test('3.6 a refused subscribe creates no channel', async () => {
    const { calls, site } = openRecorded();
    const client = await site.connect();
    client.send({ event: 'pusher:subscribe', data: { channel: 'private-orders', auth: 'app-key:bad' } });
    client.send({ event: 'pusher:unsubscribe', data: { channel: 'never' } });
    await settled();
    expect(calls).toEqual([]);
    expect(isForgotten(site, 'private-orders')).toBe(true);
    expect(isForgotten(site, 'never')).toBe(true);
  });

  test('3.11 leaving twice is not an error', async () => {
    const { site } = openRecorded();
    const client = await site.connect();
    client.subscribe('orders');
    await settled();
    const subscription = site.hub.connection('app-id', client.socketId)?.subscription('orders');
    await Promise.all([site.hub.leave(subscription!), site.hub.leave(subscription!)]);
    await site.hub.leave(subscription!);
    expect(await site.stores.membership.occupancy(ORDERS)).toEqual({ subscriptions: 0, users: 0 });
    expect(isForgotten(site, 'orders')).toBe(true);
  });

  test('3.4 admitting a subscriber twice, or after it has left, changes nothing', async () => {
    const { site } = openRecorded();
    const client = await site.connect();
    client.subscribe('orders');
    client.subscribe('others');
    await settled();
    const connection = site.hub.connection('app-id', client.socketId)!;
    const [orders, others] = ['orders', 'others'].map((name) => connection.subscription(name)!);
    await site.hub.leave(others!);
    for (const subscription of [orders, others]) site.hub.release(subscription!);
    client.take();
    for (const channel of ['orders', 'others'])
      site.hub.deliver({ app: 'app-id', channel }, { payload: eventPayload('x', channel) });
    await settled();
    expect(client.take().map(({ channel }) => channel)).toEqual(['orders']);
  });

  test('2.4 a second socket with the same id is not admitted', async () => {
    const { site } = openRecorded();
    const client = await site.connect();
    const connection = site.hub.connection('app-id', client.socketId)!;
    expect(site.hub.add(connection)).toBe(false);
    expect(site.hub.size).toBe(1);
  });
});

describe('a backlog', () => {
  test('8.3 a channel is behind when 1,000 events wait, and no longer when they have left', async () => {
    const { site } = openRecorded();
    (await site.connect()).subscribe('orders');
    await settled();
    for (let at = 0; at < 999; at += 1) site.hub.deliver(ORDERS, { payload: '{}' });
    expect(site.hub.hasBacklog(ORDERS)).toBe(false);
    site.hub.deliver(ORDERS, { payload: '{}' });
    expect(site.hub.hasBacklog(ORDERS)).toBe(true);
    await settled();
    expect(site.hub.hasBacklog(ORDERS)).toBe(false);
  });

  test('8.3 a channel is behind when 4 MiB wait', async () => {
    const { site } = openRecorded();
    (await site.connect()).subscribe('orders');
    await settled();
    site.hub.deliver(ORDERS, { payload: 'x'.repeat(4 * 1024 * 1024 - 1) });
    expect(site.hub.hasBacklog(ORDERS)).toBe(false);
    site.hub.deliver(ORDERS, { payload: 'x' });
    expect(site.hub.hasBacklog(ORDERS)).toBe(true);
    await settled();
    expect(site.hub.hasBacklog(ORDERS)).toBe(false);
  });

  test('8.3 what waits is counted in bytes, not in characters', async () => {
    const { site } = openRecorded();
    (await site.connect()).subscribe('orders');
    await settled();
    site.hub.deliver(ORDERS, { payload: '€'.repeat(Math.floor((4 * 1024 * 1024) / 3)) });
    expect(site.hub.hasBacklog(ORDERS)).toBe(false);
    site.hub.deliver(ORDERS, { payload: '€' });
    expect(site.hub.hasBacklog(ORDERS)).toBe(true);
    await settled();
  });

  test('3.14 a channel is behind when as many bytes of its app wait as may, and those of other apps are not', async () => {
    const other = testApp({ id: 'other', credentials: [{ key: 'other-key', secret: 's' }] });
    const site = openCore({ apps: [testApp(), other], maxWaitingBytes: 1000 });
    const [client, stranger] = [await site.connect(), await site.connect({ appKey: 'other-key' })];
    for (const channel of ['orders', 'news']) client.subscribe(channel);
    stranger.subscribe('orders');
    await settled();
    site.hub.deliver({ ...ORDERS, channel: 'news' }, { payload: 'x'.repeat(999) });
    expect(site.hub.hasBacklog(ORDERS)).toBe(false);
    site.hub.deliver({ ...ORDERS, channel: 'news' }, { payload: 'x' });
    expect(site.hub.hasBacklog(ORDERS)).toBe(true);
    expect(site.hub.hasBacklog({ ...ORDERS, app: 'other' })).toBe(false);
    await site.hub.caughtUp(ORDERS);
    expect(site.hub.hasBacklog(ORDERS)).toBe(false);
  });

  test('8.3 a channel without subscribers here is never behind', () => {
    const { site } = openRecorded();
    for (let at = 0; at < 2000; at += 1) site.hub.deliver(ORDERS, { payload: '{}' });
    expect(site.hub.hasBacklog(ORDERS)).toBe(false);
  });
});
