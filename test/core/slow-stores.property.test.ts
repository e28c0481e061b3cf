import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Stores } from '../../src/core/ports/stores.ts';
import type { ChannelRef } from '../../src/core/ports/events.ts';
import { type Client, dataOf, openCore, settled, type TestCore, withOverrides } from './fakes.ts';

const CHANNELS = ['orders', 'cache-orders', 'presence-room', 'presence-cache-room'];
const ref = (channel: string): ChannelRef => ({ app: 'app-id', channel });

/** Stores that answer late, each time after another number of turns, and sometimes not at all. */
class SlowStores {
  readonly calls = new Map<string, string[]>();
  /** Calls of one channel that overlapped. */
  readonly overlaps: string[] = [];
  readonly #delays: readonly number[];
  readonly #failures: ReadonlySet<number>;
  #inside = new Set<string>();
  #call = 0;
  failing = true;

  constructor(delays: readonly number[], failures: readonly number[]) {
    this.#delays = delays;
    this.#failures = new Set(failures);
  }

  over(memory: Stores): Stores {
    const { broker, membership, cachedEvents: history } = memory;
    return {
      ...memory,
      broker: withOverrides(broker, {
        subscribe: (at) => this.#gated(at, 'subscribe', true, () => broker.subscribe(at)),
        unsubscribe: (at) => this.#gated(at, 'unsubscribe', false, () => broker.unsubscribe(at)),
      }),
      membership: withOverrides(membership, {
        join: (at, joining) => this.#gated(at, 'join', true, () => membership.join(at, joining)),
        leave: (at, leaving) => this.#gated(at, 'leave', false, () => membership.leave(at, leaving)),
        members: (at) => this.#late(true, () => membership.members(at)),
      }),
      cachedEvents: { last: (at) => this.#late(true, () => history.last(at)) },
    };
  }

  async #late<T>(mayFail: boolean, task: () => Promise<T>): Promise<T> {
    const call = (this.#call += 1);
    await settled(this.#delays[call % this.#delays.length] ?? 0);
    if (mayFail && this.failing && this.#failures.has(call)) throw new Error('out of reach');
    return task();
  }

  /** Steps that the mutex of one channel must keep apart. */
  async #gated<T>(at: ChannelRef, what: string, mayFail: boolean, task: () => Promise<T>): Promise<T> {
    const { channel } = at;
    if (this.#inside.has(channel)) this.overlaps.push(`${what} of ${channel}`);
    this.#inside.add(channel);
    try {
      const result = await this.#late(mayFail, task);
      this.calls.set(channel, [...(this.calls.get(channel) ?? []), what]);
      return result;
    } finally {
      this.#inside.delete(channel);
    }
  }
}

type Step =
  | { readonly do: 'enter' | 'leave' | 'publish'; readonly who: number; readonly channel: string }
  | { readonly do: 'close'; readonly who: number }
  | { readonly do: 'turn' };

const channel = fc.constantFrom(...CHANNELS);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('enter' as const), who: fc.nat(7), channel }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('leave' as const), who: fc.nat(7), channel }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('publish' as const), who: fc.nat(7), channel }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), who: fc.nat(7) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
);

/** Clients 0 and 1 are one user, as are 2 and 3. */
const userOf = (who: number): string => `user ${who >> 1}`;

async function play(site: TestCore, clients: readonly Client[], steps: readonly Step[]): Promise<void> {
  let events = 0;
  for (const action of steps) {
    if (action.do === 'turn') await settled(1);
    else if (action.do === 'close') clients[action.who]?.close(1006);
    else if (action.do === 'enter')
      clients[action.who]?.subscribe(action.channel, { user_id: userOf(action.who) });
    else if (action.do === 'leave') clients[action.who]?.unsubscribe(action.channel);
    else await publish(site, action.channel, (events += 1));
  }
}

const publish = (site: TestCore, at: string, number: number): Promise<void> =>
  site.stores.broker.publish(
    ref(at),
    { payload: JSON.stringify({ event: 'numbered', data: String(number), channel: at }) },
    at.includes('cache-') ? { size: 0, ttlSeconds: 0, lastSeconds: 60 } : undefined,
  );

/**
 * Nothing before the greeting, nothing twice, nothing out of order. A greeting that is repeated on a cache channel tells
 * the cached event again (3.7), which may still be in flight: that one has no place in the order.
 */
function checkFrames(client: Client): void {
  const numbers = new Map<string, number>();
  const welcome = new Set<string>();
  const remembered = new Set<string>();
  for (const frame of client.frames) {
    const at = frame.channel ?? '';
    if (frame.event === 'pusher_internal:subscription_succeeded') {
      if (welcome.has(at) && at.includes('cache-')) remembered.add(at);
      welcome.add(at);
    } else if (frame.event === 'pusher:cache_miss') remembered.delete(at);
    else if (frame.event === 'numbered') {
      expect(welcome.has(at), 'an event before the greeting').toBe(true);
      if (remembered.delete(at)) continue;
      const number = Number(dataOf(frame));
      expect(number).toBeGreaterThan(numbers.get(at) ?? 0);
      numbers.set(at, number);
    }
  }
}

async function checkTruth(site: TestCore): Promise<void> {
  const subscriptions = [...site.hub.connections()].flatMap((connection) => connection.subscriptions);
  for (const name of CHANNELS) {
    const here = subscriptions.filter((each) => each.ref.channel === name);
    const users = new Set(here.flatMap(({ member }) => (member === undefined ? [] : [member.id])));
    expect(await site.stores.membership.occupancy(ref(name))).toEqual({
      subscriptions: here.length,
      users: users.size,
    });
  }
}

test('3.11 however late the stores answer, and whatever fails: the order holds, no socket is left behind, events are sent once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 60 }),
      fc.array(fc.nat(4), { minLength: 1, maxLength: 12 }),
      fc.array(fc.nat(60), { maxLength: 3 }),
      async (steps, delays, failures) => {
        const slow = new SlowStores(delays, failures);
        const site = openCore({ stores: (memory) => slow.over(memory) });
        const clients = Array.from({ length: 8 }, () => site.open());
        await settled();
        await play(site, clients, steps);
        slow.failing = false;
        await settled(600);
        expect(slow.overlaps).toEqual([]);
        await checkTruth(site);
        for (const client of clients) checkFrames(client);
        for (const client of clients) if (client.socket.closed === undefined) client.close();
        for (const client of clients) if (client.socket.closed !== undefined) client.close(1011);
        await settled(600);
        expect(await site.stores.membership.channels('app-id', '')).toEqual(new Map());
        expect(site.hub.size).toBe(0);
        for (const calls of slow.calls.values()) {
          const brokers = calls.filter((call) => call.endsWith('subscribe'));
          expect(brokers.every((call, at) => call === (at % 2 === 0 ? 'subscribe' : 'unsubscribe'))).toBe(
            true,
          );
          expect(brokers.length % 2).toBe(0);
        }
      },
    ),
    { numRuns: 60 },
  );
});
