import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Drain } from '../../src/core/drain/drain.ts';
import { type Client, dataOf, openCore, settled, type TestCore } from './fakes.ts';

const ROOM = { app: 'app-id', channel: 'presence-room' };
const RETURN_MS = 3000;
const NEVER = new AbortController().signal;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

async function joined(site: TestCore, user: string, channel = ROOM.channel): Promise<Client> {
  const client = await site.connect();
  client.subscribe(channel, { user_id: user });
  await settled();
  client.take();
  return client;
}

/** The drain closes these clients. */
async function drain(site: TestCore, ...clients: readonly Client[]): Promise<void> {
  const connections = clients.map(({ socketId }) => site.hub.connection('app-id', socketId)!);
  await new Drain(connections, { windowMs: 0 }).run();
  for (const client of clients) client.close(4200);
  await settled();
}

/** Changes of members that a client received since the last call. */
const news = (client: Client): string[] =>
  client
    .take()
    .filter(({ event }) => event.startsWith('pusher_internal:member_'))
    .map((frame) => `${frame.event.slice(23)} ${(dataOf(frame) as { user_id: string }).user_id}`);

const passed = async (ms: number): Promise<void> => {
  await vi.advanceTimersByTimeAsync(ms);
  await settled();
};

const usersOf = async (site: TestCore): Promise<number> =>
  (await site.stores.membership.occupancy(ROOM)).users;

describe('members whose sockets the drain closed', () => {
  test('2.13 stay in the rosters for 3 seconds, and leave then', async () => {
    const site = openCore();
    const [watcher, moved] = [await joined(site, 'w'), await joined(site, '1')];
    news(watcher);
    site.departures.begin();
    await drain(site, moved);
    await passed(RETURN_MS - 1);
    expect([news(watcher), await usersOf(site)]).toEqual([[], 2]);
    await passed(1);
    expect([news(watcher), await usersOf(site)]).toEqual([['removed 1'], 1]);
  });

  test('2.13 cause no news when another socket of the user is there in time', async () => {
    const site = openCore();
    const [watcher, moved] = [await joined(site, 'w'), await joined(site, '1')];
    news(watcher);
    site.departures.begin();
    await drain(site, moved);
    await passed(RETURN_MS - 1);
    const back = await joined(site, '1');
    await passed(RETURN_MS);
    expect([news(watcher), await usersOf(site)]).toEqual([[], 2]);
    back.unsubscribe(ROOM.channel);
    await settled();
    expect(news(watcher)).toEqual(['removed 1']);
  });

  test('2.13 get no events, and the channel of a node without sockets is forgotten when the last one has left', async () => {
    const site = openCore();
    const moved = await joined(site, '1');
    site.departures.begin();
    await drain(site, moved);
    const before = moved.socket.writes.length;
    site.hub.deliver(ROOM, { payload: '{"event":"e","data":"","channel":"presence-room"}' });
    await settled();
    expect(moved.socket.writes).toHaveLength(before);
    expect(await site.stores.membership.occupancy(ROOM)).toEqual({ subscriptions: 1, users: 1 });
    await passed(RETURN_MS);
    expect(await site.stores.membership.occupancy(ROOM)).toEqual({ subscriptions: 0, users: 0 });
    expect([...(await site.stores.membership.channels('app-id', ''))]).toEqual([]);
  });

  test('2.13 leave in the order of their closes, each once', async () => {
    const site = openCore();
    const watcher = await joined(site, 'w');
    const [one, other] = [await joined(site, '1'), await joined(site, '2')];
    news(watcher);
    site.departures.begin();
    await drain(site, one);
    await passed(1000);
    await drain(site, other);
    await passed(2000);
    expect(news(watcher)).toEqual(['removed 1']);
    expect(site.departures.waiting).toBe(1);
    await passed(1000);
    expect(news(watcher)).toEqual(['removed 2']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('2.13 leave at once with a time of 0', async () => {
    const site = openCore({ returnMs: 0 });
    const [watcher, moved] = [await joined(site, 'w'), await joined(site, '1')];
    news(watcher);
    site.departures.begin();
    await drain(site, moved);
    expect(news(watcher)).toEqual(['removed 1']);
  });
});

describe('all other sockets leave at once', () => {
  test.each([
    ['unsubscribes', (client: Client) => client.unsubscribe(ROOM.channel)],
    ['closes its socket, with whatever code', (client: Client) => client.close(4200)],
    ['is lost', (client: Client) => client.close(1006)],
  ])('2.13 a client that %s during the drain', async (_, leave) => {
    const site = openCore();
    const [watcher, other] = [await joined(site, 'w'), await joined(site, '1')];
    news(watcher);
    site.departures.begin();
    leave(other);
    await settled();
    expect([news(watcher), site.departures.waiting]).toEqual([['removed 1'], 0]);
  });

  test('2.13 a client that the server closes for another reason', async () => {
    const site = openCore();
    const [watcher, other] = [await joined(site, 'w'), await joined(site, '1')];
    news(watcher);
    site.departures.begin();
    site.users.terminate('app-id', '1');
    other.close(4009);
    await settled();
    expect(news(watcher)).toEqual(['removed 1']);
  });

  test('2.13 clients that are moved while the server does not stop', async () => {
    const site = openCore();
    const [watcher, moved] = [await joined(site, 'w'), await joined(site, '1')];
    news(watcher);
    await drain(site, moved);
    expect(news(watcher)).toEqual(['removed 1']);
  });

  test('2.13 a channel without members', async () => {
    const site = openCore();
    const client = await site.connect();
    client.subscribe('orders');
    await settled();
    site.departures.begin();
    await drain(site, client);
    const orders = { app: 'app-id', channel: 'orders' };
    expect(await site.stores.membership.occupancy(orders)).toEqual({ subscriptions: 0, users: 0 });
  });
});

describe('the end', () => {
  test('2.13 waits for the last departure', async () => {
    const site = openCore();
    const [watcher, moved] = [await joined(site, 'w'), await joined(site, '1')];
    news(watcher);
    site.departures.begin();
    await drain(site, moved);
    let isOver = false;
    const over = site.departures.end(NEVER).then(() => (isOver = true));
    await passed(RETURN_MS - 1);
    expect(isOver).toBe(false);
    await passed(1);
    await over;
    expect(news(watcher)).toEqual(['removed 1']);
  });

  test('2.13 is at once when it is hurried, before or while it waits', async () => {
    for (const isLate of [false, true]) {
      const site = openCore();
      const [watcher, moved] = [await joined(site, 'w'), await joined(site, '1')];
      news(watcher);
      site.departures.begin();
      await drain(site, moved);
      const hurry = new AbortController();
      if (!isLate) hurry.abort();
      const over = site.departures.end(hurry.signal);
      await settled();
      if (isLate) hurry.abort();
      await over;
      await settled();
      expect(news(watcher)).toEqual(['removed 1']);
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  test('2.13 is at once when nobody has to come back', async () => {
    const site = openCore();
    site.departures.begin();
    await site.departures.end(NEVER);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('2.13 does not wait for a store that fails', async () => {
    const site = openCore({
      stores: (memory) => ({
        ...memory,
        membership: new Proxy(memory.membership, {
          get: (inner, name) =>
            name === 'leave'
              ? () => Promise.reject(new Error('no'))
              : (inner[name as keyof typeof inner] as () => void).bind(inner),
        }),
      }),
    });
    const moved = await joined(site, '1');
    site.departures.begin();
    await drain(site, moved);
    await site.departures.end(AbortSignal.abort());
    expect(site.logger.errors).toHaveLength(1);
  });
});
