import { describe, expect, test } from 'vitest';
import { type Client, dataOf, openCore, settled, type TestCore } from './fakes.ts';

async function joined(site: TestCore, member: object): Promise<Client> {
  const client = await site.connect();
  client.subscribe('presence-a', member);
  await settled();
  return client;
}

const last = (client: Client): unknown => dataOf(client.frames.at(-1));
const news = (client: Client): unknown[] => client.take().map((frame) => [frame.event, dataOf(frame)]);

describe('roster', () => {
  test('4.3 lists users in the order in which they joined, each once, with the data of their first socket', async () => {
    const site = openCore();
    await joined(site, { user_id: 9, user_info: { name: 'first' } });
    await joined(site, { user_id: '7' });
    const client = await joined(site, { user_id: '9', user_info: { name: 'second' } });
    expect(last(client)).toEqual({
      presence: { count: 2, ids: [9, '7'], hash: { 9: { name: 'first' }, 7: null } },
    });
  });

  test('4.3 hash is an object with own keys only, whatever users are called', async () => {
    const site = openCore();
    await joined(site, { user_id: '__proto__', user_info: { admin: true } });
    const client = await joined(site, { user_id: '0' });
    expect(client.socket.payloads.at(-1)).toContain(
      '\\"hash\\":{\\"__proto__\\":{\\"admin\\":true},\\"0\\":null}',
    );
  });
});

describe('member events', () => {
  test('4.4 the first socket adds the member, the last one removes it, others send nothing', async () => {
    const site = openCore();
    const watcher = await joined(site, { user_id: '1' });
    watcher.take();
    const [first, second] = [await joined(site, { user_id: 9 }), await joined(site, { user_id: '9' })];
    expect(news(watcher)).toEqual([['pusher_internal:member_added', { user_id: 9 }]]);
    first.close(1006);
    await settled();
    expect(news(watcher)).toEqual([]);
    second.unsubscribe('presence-a');
    await settled();
    expect(news(watcher)).toEqual([['pusher_internal:member_removed', { user_id: 9 }]]);
  });

  test('4.4 user_info is included when it was given, null as well', async () => {
    const site = openCore();
    const watcher = await joined(site, { user_id: '1' });
    watcher.take();
    await joined(site, { user_id: '2', user_info: null });
    await joined(site, { user_id: '3', user_info: { a: [1] }, extra: 'x' });
    expect(news(watcher)).toEqual([
      ['pusher_internal:member_added', { user_id: '2', user_info: null }],
      ['pusher_internal:member_added', { user_id: '3', user_info: { a: [1] } }],
    ]);
  });

  test('4.4 no member gets its own changes, nor those of other channels', async () => {
    const site = openCore();
    const client = await joined(site, { user_id: '1' });
    const other = await site.connect();
    other.subscribe('presence-b', { user_id: '2' });
    other.unsubscribe('presence-b');
    await settled();
    expect(client.frames).toHaveLength(2);
    expect(other.frames).toHaveLength(2);
  });

  test('4.4 a second tab of the same user gets no change when the first one leaves', async () => {
    const site = openCore();
    const [first, second] = [await joined(site, { user_id: '1' }), await joined(site, { user_id: '1' })];
    first.close();
    await settled();
    expect(second.frames).toHaveLength(2);
    const ref = { app: 'app-id', channel: 'presence-a' };
    expect(await site.stores.membership.occupancy(ref)).toEqual({ subscriptions: 1, users: 1 });
  });

  test('4.4 each of the members that leave together is removed once', async () => {
    const site = openCore();
    const watcher = await joined(site, { user_id: 'w' });
    const guests = await Promise.all([...Array(20).keys()].map((at) => joined(site, { user_id: at % 10 })));
    watcher.take();
    for (const guest of guests) guest.close(1006);
    await settled(12);
    const removed = news(watcher) as [string, { user_id: number }][];
    expect(removed.every(([event]) => event === 'pusher_internal:member_removed')).toBe(true);
    expect(removed.map(([, member]) => member.user_id).sort()).toEqual([...Array(10).keys()]);
  });
});
