import { describe, expect, test } from 'vitest';
import { EVERY_CHANGE_UP_TO, THROTTLE_MS } from '../../src/core/channels/subscription-counter.ts';
import { type Client, dataOf, openCore, settled, type TestCore, testApp, withOverrides } from './fakes.ts';

const app = testApp({ subscriptionCounts: true });

const counts = (client: Client): number[] =>
  client
    .take()
    .filter(({ event }) => event === 'pusher_internal:subscription_count')
    .map((frame) => (dataOf(frame) as { subscription_count: number }).subscription_count);

async function subscribed(site: TestCore, channel: string, member?: object): Promise<Client> {
  const client = await site.connect();
  client.subscribe(channel, member);
  await settled();
  return client;
}

/** So many subscribers, one after the other. */
async function crowd(site: TestCore, size: number): Promise<Client[]> {
  const clients: Client[] = [];
  for (let at = 0; at < size; at += 1) clients.push(await subscribed(site, 'orders'));
  return clients;
}

describe('small channels', () => {
  test('3.9 every change is sent to all subscribers, the newest included', async () => {
    const site = openCore({ apps: [app] });
    const [first, second, third] = (await crowd(site, 3)) as [Client, Client, Client];
    expect([first, second, third].map(counts)).toEqual([[1, 2, 3], [2, 3], [3]]);
    third.unsubscribe('orders');
    await settled();
    second.close();
    await settled();
    expect(counts(first)).toEqual([2, 1]);
    expect(counts(third)).toEqual([]);
  });

  test('3.9 the frame has its channel, and the number inside a text', async () => {
    const site = openCore({ apps: [app] });
    const client = await subscribed(site, 'orders');
    expect(client.socket.payloads.at(-1)).toBe(
      '{"event":"pusher_internal:subscription_count","data":"{\\"subscription_count\\":1}","channel":"orders"}',
    );
  });

  test('3.9 no count is sent when the app does not turn it on', async () => {
    const site = openCore({ apps: [testApp()] });
    const client = await subscribed(site, 'orders');
    expect(counts(client)).toEqual([]);
  });

  test("3.9 no count is sent on presence channels, nor on a user's own", async () => {
    const site = openCore({ apps: [app] });
    const client = await subscribed(site, 'presence-a', { user_id: '1' });
    client.signin({ id: '1' });
    client.subscribe('#server-to-user-1');
    await settled();
    expect(counts(client)).toEqual([]);
  });

  test('3.9 a socket that reads too slowly does not get it', async () => {
    const site = openCore({ apps: [app] });
    const client = await subscribed(site, 'orders');
    counts(client);
    client.socket.bufferedBytes = 1001;
    const other = await subscribed(site, 'orders');
    expect([counts(client), counts(other)]).toEqual([[], [2]]);
  });

  test('3.7 subscribing again is no change', async () => {
    const site = openCore({ apps: [app] });
    const client = await subscribed(site, 'orders');
    counts(client);
    client.subscribe('orders');
    await settled();
    expect(counts(client)).toEqual([]);
  });
});

describe('large channels', () => {
  test('3.9 up to 100 subscribers every change is sent', async () => {
    const site = openCore({ apps: [app] });
    const [first] = (await crowd(site, EVERY_CHANGE_UP_TO)) as [Client];
    expect(counts(first)).toEqual(Array.from({ length: EVERY_CHANGE_UP_TO }, (_, at) => at + 1));
  });

  test('3.9 above, once in five seconds, and then the latest number', async () => {
    const site = openCore({ apps: [app] });
    const [first] = (await crowd(site, EVERY_CHANGE_UP_TO + 5)) as [Client];
    expect(counts(first).slice(-2)).toEqual([EVERY_CHANGE_UP_TO, EVERY_CHANGE_UP_TO + 1]);
    site.clock.pass(THROTTLE_MS - 1);
    site.subscriptionCounter.tick();
    await settled();
    expect(counts(first)).toEqual([]);
    site.clock.pass(1);
    site.subscriptionCounter.tick();
    await settled();
    expect(counts(first)).toEqual([EVERY_CHANGE_UP_TO + 5]);
    site.clock.pass(THROTTLE_MS);
    site.subscriptionCounter.tick();
    await settled();
    expect(counts(first)).toEqual([]);
  });

  test('3.9 after a time without changes the next one is sent at once', async () => {
    const site = openCore({ apps: [app] });
    const [first] = (await crowd(site, EVERY_CHANGE_UP_TO + 1)) as [Client];
    counts(first);
    site.clock.pass(THROTTLE_MS);
    site.subscriptionCounter.tick();
    await subscribed(site, 'orders');
    expect(counts(first)).toEqual([EVERY_CHANGE_UP_TO + 2]);
  });

  test('3.9 a channel that empties at once is sent one count, and then no more', async () => {
    const site = openCore({ apps: [app] });
    const clients = await crowd(site, EVERY_CHANGE_UP_TO + 50);
    const last = clients.pop()!;
    site.clock.pass(THROTTLE_MS);
    site.subscriptionCounter.tick();
    await settled();
    counts(last);
    for (const client of clients) client.close();
    await settled();
    site.clock.pass(THROTTLE_MS);
    site.subscriptionCounter.tick();
    await settled();
    const sentCounts = counts(last);
    expect(sentCounts.length).toBeLessThanOrEqual(2);
    expect(sentCounts.at(-1)).toBe(1);
  });

  test('3.9 changes while the number is being looked up are sent as one frame', async () => {
    const seen = { subscriptions: 1, users: 0 };
    const site = openCore({
      apps: [app],
      stores: (memory) => ({
        ...memory,
        membership: withOverrides(memory.membership, {
          occupancy: async () => {
            await settled(2);
            return { ...seen };
          },
        }),
      }),
    });
    const client = await subscribed(site, 'orders');
    counts(client);
    seen.subscriptions = 500;
    for (let at = 0; at < 20; at += 1)
      site.subscriptionCounter.changed(app, { app: 'app-id', channel: 'orders' });
    await settled(12);
    expect(counts(client)).toEqual([500]);
    site.clock.pass(THROTTLE_MS);
    seen.subscriptions = 90;
    site.subscriptionCounter.tick();
    await settled(12);
    expect(counts(client)).toEqual([90]);
    for (let at = 0; at < 20; at += 1)
      site.subscriptionCounter.changed(app, { app: 'app-id', channel: 'orders' });
    await settled(12);
    expect(counts(client)).toEqual([90, 90]);
  });
});

describe('a count that cannot be sent', () => {
  test('3.9 the failure is logged as a defect, and the subscription stays', async () => {
    const fail = { now: true };
    const site = openCore({
      apps: [app],
      stores: (memory) => ({
        ...memory,
        membership: withOverrides(memory.membership, {
          occupancy: (ref) =>
            fail.now ? Promise.reject(new Error('out of reach')) : memory.membership.occupancy(ref),
        }),
      }),
    });
    const client = await subscribed(site, 'orders');
    expect(site.logger.errors).toHaveLength(1);
    expect(client.eventNames.at(-1)).toBe('pusher_internal:subscription_succeeded orders');
    fail.now = false;
    await subscribed(site, 'orders');
    expect(counts(client)).toEqual([2]);
  });
});
