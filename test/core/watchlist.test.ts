import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OFFLINE_AFTER_MS } from '../../src/core/users.ts';
import type { ChannelRef } from '../../src/core/ports/events.ts';
import { type Client, dataOf, openCore, settled, type TestCore, testApp, withOverrides } from './fakes.ts';

type OnlineOffline = Record<string, string[]>;

/** The watchlist events that arrived since the last look, each as `{ online: […], offline: […] }`. */
const watchlistEvents = (client: Client): OnlineOffline[] =>
  client
    .take()
    .filter(({ event }) => event === 'pusher_internal:watchlist_events')
    .map((frame) => {
      const { events } = dataOf(frame) as { events: { name: string; user_ids: string[] }[] };
      return Object.fromEntries(events.map(({ name, user_ids: userIds }) => [name, userIds]));
    });

async function signedIn(site: TestCore, id: string, watchlist?: unknown[]): Promise<Client> {
  const client = await site.connect();
  client.signin({ id, watchlist });
  await settled();
  return client;
}

async function away(site: TestCore, client: Client): Promise<void> {
  client.close();
  await settled();
  site.users.tick();
}

function pass(site: TestCore, seconds: number): void {
  for (let at = 0; at < seconds; at += 1) {
    site.clock.pass(1000);
    site.users.tick();
  }
}

describe('the present state', () => {
  test('6.5 the present state is sent after the sign-in', async () => {
    const site = openCore();
    await signedIn(site, '7');
    const watcher = await signedIn(site, '1', ['7', 9, '7']);
    expect(watcher.eventNames.slice(1)).toEqual([
      'pusher:signin_success',
      'pusher_internal:watchlist_events',
    ]);
    expect(watchlistEvents(watcher)).toEqual([{ online: ['7'], offline: ['9'] }]);
  });

  test.each([[undefined], [[]], ['7'], [{ 7: true }]])(
    '6.5 a watchlist %j watches no user',
    async (watchlist) => {
      const site = openCore();
      const watcher = await signedIn(site, '1', watchlist as unknown[]);
      await signedIn(site, '7');
      site.users.tick();
      expect(watchlistEvents(watcher)).toEqual([]);
    },
  );

  test('6.5 n ids are watched; of n + 1 the first n, with error 4302 and a sign-in that succeeds', async () => {
    const site = openCore({ apps: [testApp({ limits: { watchlistIds: 2 } })] });
    const fair = await signedIn(site, '1', ['a', 'b']);
    const greedy = await signedIn(site, '2', ['a', 'b', 'c']);
    expect(fair.eventNames).not.toContain('pusher:error');
    expect(greedy.eventNames.slice(1)).toEqual([
      'pusher:signin_success',
      'pusher:error',
      'pusher_internal:watchlist_events',
    ]);
    expect(greedy.frames[2]?.data).toEqual({ code: 4302, message: 'Watchlist limit exceeded' });
    expect(watchlistEvents(greedy)).toEqual([{ offline: ['a', 'b'] }]);
    await signedIn(site, 'c');
    site.users.tick();
    expect(watchlistEvents(greedy)).toEqual([]);
  });

  test('6.2 signing in again, the new watchlist counts and the old one does not', async () => {
    const site = openCore();
    const watcher = await signedIn(site, '1', ['a']);
    watchlistEvents(watcher);
    watcher.signin({ id: '1', watchlist: ['b'] });
    await settled();
    expect(watchlistEvents(watcher)).toEqual([{ offline: ['b'] }]);
    await signedIn(site, 'a');
    await signedIn(site, 'b');
    site.users.tick();
    expect(watchlistEvents(watcher)).toEqual([{ online: ['b'] }]);
  });

  test('6.2 signing in again with the same watchlist is answered, and nothing is sent twice', async () => {
    const site = openCore();
    const watcher = await signedIn(site, '1', ['a']);
    await signedIn(site, 'a');
    watchlistEvents(watcher);
    watcher.signin({ id: '1', watchlist: ['a'] });
    await settled();
    expect(watcher.eventNames.at(-1)).toBe('pusher:signin_success');
    site.users.tick();
    expect(watchlistEvents(watcher)).toEqual([{ online: ['a'] }]);
    site.users.tick();
    expect(watchlistEvents(watcher)).toEqual([]);
  });

  test('6.2 signing in again asks the cluster for nothing, a changed watchlist for its difference', async () => {
    const asked: string[] = [];
    const note = (what: string, { channel }: ChannelRef) => {
      asked.push(`${what} ${channel}`);
      return Promise.resolve();
    };
    const site = openCore({
      stores: (memory) => ({
        ...memory,
        broker: withOverrides(memory.broker, {
          subscribe: (ref) => note('watch', ref).then(() => undefined),
          unsubscribe: (ref) => note('unwatch', ref),
        }),
        membership: withOverrides(memory.membership, {
          join: (ref) => note('join', ref),
          members: (ref) => note('read', ref).then(() => []),
        }),
      }),
    });
    const watcher = await signedIn(site, '1', ['a', 'b', 'c']);
    expect(asked).toHaveLength(7);
    asked.length = 0;
    for (let times = 0; times < 20; times += 1) watcher.signin({ id: 1, watchlist: ['c', 'b', 'a', 'a'] });
    await settled();
    expect(asked).toEqual([]);
    watcher.signin({ id: '1', watchlist: ['b', 'c', 'd'] });
    await settled();
    expect(asked.sort()).toEqual(['read #user-d', 'unwatch #user-a', 'watch #user-d']);
    asked.length = 0;
    watcher.close();
    await settled();
    expect(asked.sort()).toEqual(['unwatch #user-b', 'unwatch #user-c', 'unwatch #user-d']);
  });

  test('6.2 signing in again keeps the first user_info, which a presence channel shows already', async () => {
    const site = openCore();
    const watcher = await signedIn(site, '1');
    watcher.signin({ id: '1', user_info: { name: 'new' } });
    await settled();
    expect(site.hub.connection('app-id', watcher.socketId)?.user?.userInfoJson).toBeUndefined();
  });
});

describe('changes', () => {
  test('6.5 online with the first socket, offline after the last', async () => {
    const site = openCore();
    const watcher = await signedIn(site, '1', ['7']);
    watchlistEvents(watcher);
    const first = await signedIn(site, '7');
    site.users.tick();
    expect(watchlistEvents(watcher)).toEqual([{ online: ['7'] }]);
    const second = await signedIn(site, '7');
    await away(site, first);
    site.clock.pass(OFFLINE_AFTER_MS);
    site.users.tick();
    expect(watchlistEvents(watcher)).toEqual([]);
    await away(site, second);
    expect(watchlistEvents(watcher)).toEqual([]);
    site.clock.pass(OFFLINE_AFTER_MS - 1);
    site.users.tick();
    expect(watchlistEvents(watcher)).toEqual([]);
    site.clock.pass(1);
    site.users.tick();
    expect(watchlistEvents(watcher)).toEqual([{ offline: ['7'] }]);
  });

  test('6.5 a page reload sends no event', async () => {
    const site = openCore();
    const watcher = await signedIn(site, '1', ['7']);
    const page = await signedIn(site, '7');
    site.users.tick();
    watchlistEvents(watcher);
    await away(site, page);
    site.clock.pass(OFFLINE_AFTER_MS - 1);
    await signedIn(site, '7');
    pass(site, 5);
    expect(watchlistEvents(watcher)).toEqual([]);
  });

  test('6.5 a user within the offline delay counts as online', async () => {
    const site = openCore();
    await away(site, await signedIn(site, '7'));
    const watcher = await signedIn(site, '1', ['7']);
    expect(watchlistEvents(watcher)).toEqual([{ online: ['7'] }]);
    site.clock.pass(OFFLINE_AFTER_MS);
    site.users.tick();
    expect(watchlistEvents(watcher)).toEqual([{ offline: ['7'] }]);
  });

  test('6.5 changes between two ticks are sent in one frame', async () => {
    const site = openCore();
    const leaver = await signedIn(site, 'z');
    const watcher = await signedIn(site, '1', ['a', 'b', 'z']);
    watchlistEvents(watcher);
    leaver.close();
    await settled();
    site.clock.pass(OFFLINE_AFTER_MS);
    await signedIn(site, 'a');
    await signedIn(site, 'b');
    expect(watchlistEvents(watcher)).toEqual([]);
    site.users.tick();
    expect(watchlistEvents(watcher)).toEqual([{ online: ['a', 'b'], offline: ['z'] }]);
    site.users.tick();
    expect(watchlistEvents(watcher)).toEqual([]);
  });

  test('6.5 only watchers of the same app receive changes, until they disconnect', async () => {
    const other = testApp({ id: 'other', credentials: [{ key: 'other-key', secret: 'app-secret' }] });
    const site = openCore({ apps: [testApp(), other] });
    const [gone, stranger] = [await signedIn(site, '1', ['7']), await signedIn(site, '2', ['8'])];
    const elsewhere = await site.connect({ appKey: 'other-key' });
    elsewhere.signin({ id: '1', watchlist: ['7'] });
    await settled();
    for (const client of [gone, stranger, elsewhere]) client.take();
    await signedIn(site, '7');
    gone.close();
    await settled();
    site.users.tick();
    for (const client of [gone, stranger, elsewhere]) expect(watchlistEvents(client)).toEqual([]);
  });

  test('6.5 ids such as __proto__ are ordinary ids', async () => {
    const site = openCore();
    const watcher = await signedIn(site, 'constructor', ['__proto__', 'toString']);
    expect(watchlistEvents(watcher)).toEqual([{ offline: ['__proto__', 'toString'] }]);
    await signedIn(site, '__proto__');
    site.users.tick();
    expect(watchlistEvents(watcher)).toEqual([{ online: ['__proto__'] }]);
  });

  test('6.5 whatever happens, a watcher gets online and offline in turn, and the last one is true', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('in' as const), user: fc.constantFrom('a', 'b') }),
      fc.record({ do: fc.constantFrom('out' as const, 'pass' as const), at: fc.nat(20) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const site = openCore();
        const watcher = await signedIn(site, '1', ['a', 'b']);
        const sockets: { client: Client; user: string }[] = [];
        for (const action of steps) {
          if (action.do === 'in') {
            sockets.push({ client: await signedIn(site, action.user), user: action.user });
          } else if (action.do === 'out') {
            sockets.splice(action.at % Math.max(1, sockets.length), 1)[0]?.client.close();
            await settled(2);
          } else pass(site, action.at % 6);
        }
        pass(site, 4);
        const received = watchlistEvents(watcher);
        for (const user of ['a', 'b']) {
          const words = received.flatMap((each) =>
            Object.keys(each).filter((name) => each[name]?.includes(user)),
          );
          expect(words.every((word, at) => word === (at % 2 === 0 ? 'offline' : 'online'))).toBe(true);
          expect(words.at(-1)).toBe(sockets.some((each) => each.user === user) ? 'online' : 'offline');
        }
      }),
      { numRuns: 60 },
    );
  });
});
