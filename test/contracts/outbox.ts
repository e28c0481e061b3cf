import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Stores } from '../../src/core/ports/stores.ts';
import type { Outbox, OutboxEntry, WebhookRecord } from '../../src/core/ports/webhooks.ts';
import type { WebhookWishes } from '../../src/core/ports/webhook-wishes.ts';
import { eventually } from '../support/wire.ts';

export const SMOOTHING_MS = 80;
export const MOST_WAITING = 20;
export const MOST_DEAD = 3;

const ALL = { occupancy: true, members: true, counts: true };

/** Wishes of an app `a` with two endpoints, that are told everything but counts of presence channels; of a user's channel its members. */
export const wishesOf = (options: Partial<WebhookWishes> = {}): WebhookWishes => ({
  of: ({ app, channel }) =>
    app === 'a' && !channel.startsWith('quiet')
      ? { ...ALL, occupancy: !channel.startsWith('#'), counts: channel.startsWith('counted') }
      : undefined,
  apps: new Map([['a', ALL]]),
  endpoints: ['one', 'two'],
  smoothingMs: SMOOTHING_MS,
  maxWaiting: MOST_WAITING,
  maxDead: MOST_DEAD,
  deadTtlMs: 60_000,
  ...options,
});

export const outboxOf = (stores: Stores): Outbox => {
  if (stores.outbox === undefined) throw new Error('no outbox');
  return stores.outbox;
};

/** Takes what there is until `most` entries came. */
export async function takeAll(outbox: Outbox, endpoint: string, most: number): Promise<OutboxEntry[]> {
  const taken: OutboxEntry[] = [];
  await eventually(
    async () => {
      taken.push(...(await outbox.take(endpoint, most - taken.length)));
      return taken.length >= most;
    },
    `${most} entries come`,
    5000,
  );
  return taken;
}

export const brief = ({ type, ref, fields }: WebhookRecord): string =>
  [type, ref.channel, ...Object.values(fields)].join(' ');

/** The contract of `Outbox`, for every implementation. */
export function outboxContract(
  name: string,
  openWith: (wishes: WebhookWishes) => Stores | Promise<Stores>,
): void {
  describe(`outbox ${name}`, () => {
    let stores: Stores;
    let outbox: Outbox;
    const open = async (options: Partial<WebhookWishes> = {}): Promise<void> => {
      stores = await openWith(wishesOf(options));
      outbox = outboxOf(stores);
      await stores.broker.start(() => undefined);
    };
    /** Opens them anew with other wishes. */
    const reopen = async (options: Partial<WebhookWishes>): Promise<void> => {
      await stores.close();
      await open(options);
    };
    beforeEach(() => open());
    afterEach(() => stores.close());

    const join = (channel: string, user?: string, subscriptions = 1) =>
      stores.membership.join(
        { app: 'a', channel },
        { subscriptions, member: user === undefined ? undefined : memberOf(user), socketId: '1.1' },
      );
    const leave = (channel: string, user?: string, subscriptions = 0) =>
      stores.membership.leave(
        { app: 'a', channel },
        { subscriptions, member: user === undefined ? undefined : memberOf(user) },
      );
    const missed = (channel: string): WebhookRecord => ({
      type: 'cache_miss',
      ref: { app: 'a', channel },
      fields: {},
    });
    /** Everything that was told before this mark. */
    const told = async (endpoint = 'one'): Promise<string[]> => {
      const names: string[] = [];
      await outbox.add(missed('mark'));
      await eventually(
        async () => {
          const entries = await outbox.take(endpoint, 100);
          names.push(...entries.map(brief));
          await outbox.done(
            endpoint,
            entries.map(({ id }) => id),
          );
          return names.includes('cache_miss mark');
        },
        'the mark comes',
        5000,
      );
      return names.filter((each) => each !== 'cache_miss mark');
    };
    const untilTold = async (count: number): Promise<string[]> => {
      const names: string[] = [];
      await eventually(
        async () => {
          const entries = await outbox.take('one', 100);
          names.push(...entries.map(brief));
          await outbox.done(
            'one',
            entries.map(({ id }) => id),
          );
          return names.length >= count;
        },
        `${count} are told`,
        5000,
      );
      return names;
    };

    test('9.2 a channel and its members are told in their order, first and last', async () => {
      await join('presence-a', '7');
      await leave('presence-a', '7');
      expect(await untilTold(4)).toEqual([
        'channel_occupied presence-a',
        'member_added presence-a 7',
        'member_removed presence-a 7',
        'channel_vacated presence-a',
      ]);
    });

    test('9.4 who leaves and is back within the smoothing causes nothing, also 100 times', async () => {
      await join('presence-a', '7');
      expect(await told()).toHaveLength(2);
      for (let at = 0; at < 100; at += 1) {
        await leave('presence-a', '7');
        await join('presence-a', '7');
      }
      expect(await told()).toEqual([]);
      await leave('presence-a', '7');
      expect(await untilTold(2)).toEqual(['member_removed presence-a 7', 'channel_vacated presence-a']);
    });

    test('9.3 a signed-in user is online and offline; internal channels tell nothing else', async () => {
      await join('#user-7', '7');
      await join('#server-to-user-7');
      await leave('#user-7', '7');
      await leave('#server-to-user-7');
      expect(await untilTold(2)).toEqual(['user_online #user-7 7', 'user_offline #user-7 7']);
      expect(await told()).toEqual([]);
    });

    test('9.2 channels that no endpoint wants cause nothing', async () => {
      await join('quiet');
      await leave('quiet');
      await join('loud');
      expect(await told()).toEqual(['channel_occupied loud']);
    });

    test('9.2 a number of subscriptions is told with each change up to 100, and not as 0', async () => {
      await join('counted');
      await join('counted', undefined, 2);
      await leave('counted', undefined, 1);
      await leave('counted');
      expect(await untilTold(5)).toEqual([
        'channel_occupied counted',
        'subscription_count counted 1',
        'subscription_count counted 2',
        'subscription_count counted 1',
        'channel_vacated counted',
      ]);
    });

    test('9.2 above 100 subscriptions changes are told later, the newest alone', async () => {
      await join('counted', undefined, 100);
      await join('counted', undefined, 101);
      await join('counted', undefined, 102);
      expect(await told()).toEqual(['channel_occupied counted', 'subscription_count counted 100']);
    });

    test('9.4 the last number of subscriptions is told although nothing else happens', async () => {
      await join('counted', undefined, 101);
      await join('counted', undefined, 103);
      const names: string[] = [];
      outbox.onAdded(() => {
        void outbox.take('one', 100).then((entries) => names.push(...entries.map(brief)));
      });
      await eventually(
        () => names.includes('subscription_count counted 103'),
        () => names.join(),
        15_000,
      );
      expect(names).toEqual(['channel_occupied counted', 'subscription_count counted 103']);
    }, 20_000);

    test('9.4 every endpoint gets every entry, to one caller only until it is done', async () => {
      await outbox.add(missed('c'));
      const [entry] = await takeAll(outbox, 'one', 1);
      expect(entry).toMatchObject({ type: 'cache_miss', attempts: 0, ref: { app: 'a', channel: 'c' } });
      expect(await outbox.take('one', 10)).toEqual([]);
      expect(await outbox.waiting('one')).toMatchObject({ entries: 1 });
      await outbox.done('one', [entry!.id]);
      await outbox.done('one', [entry!.id, 'no id']);
      expect(await outbox.waiting('one')).toEqual({ entries: 0, oldestMs: 0 });
      expect((await takeAll(outbox, 'two', 1))[0]?.id).toBe(entry?.id);
    });

    test('9.9 beyond the bound the oldest is dropped and counted, also one that was taken', async () => {
      await outbox.add(missed('c0'));
      expect(await takeAll(outbox, 'one', 1)).toHaveLength(1);
      for (let at = 1; at < MOST_WAITING; at += 1) await outbox.add(missed(`c${at}`));
      expect(outbox.dropped).toBe(0);
      await outbox.add(missed('last'));
      await eventually(() => outbox.dropped === 1, 'one is dropped');
      expect(await outbox.waiting('two')).toMatchObject({ entries: MOST_WAITING });
      for (const endpoint of ['one', 'two']) {
        const entries = await takeAll(outbox, endpoint, MOST_WAITING);
        expect([entries[0], entries.at(-1)].map((each) => each?.ref.channel)).toEqual(['c1', 'last']);
      }
    });

    test('9.9 of what may be taken back the oldest is dropped beyond the same bound', async () => {
      await reopen({ smoothingMs: 3000, endpoints: ['one'] });
      for (let at = 0; at <= MOST_WAITING; at += 1) {
        await join(`c${at}`);
        await untilTold(1);
      }
      for (let at = 0; at < MOST_WAITING; at += 1) await leave(`c${at}`);
      // What is told comes after a look for what was dropped.
      await told();
      expect(outbox.dropped).toBe(0);
      await leave(`c${MOST_WAITING}`);
      await eventually(
        () => outbox.dropped === 1,
        () => `one is dropped: ${outbox.dropped}`,
      );
      const ended = await untilTold(MOST_WAITING);
      expect(ended).toHaveLength(MOST_WAITING);
      expect(ended).not.toContain('channel_vacated c0');
    });

    test('9.2 an event that is added once is added again after its time', async () => {
      for (let at = 0; at < 5; at += 1) await outbox.addOnce(missed('c'), 300);
      await outbox.addOnce(missed('d'), 300);
      expect(await told()).toEqual(['cache_miss c', 'cache_miss d']);
      await eventually(
        async () => {
          await outbox.addOnce(missed('c'), 300);
          return (await told()).length > 0;
        },
        'it is added again',
        5000,
      );
    });

    test('9.6 a dead letter is kept, and replayed for its endpoint alone', async () => {
      await outbox.add(missed('c'));
      const [entry] = await takeAll(outbox, 'one', 1);
      await outbox.failed('one', entry!.id, 3);
      await outbox.bury('one', entry!, 'status 500');
      await outbox.bury('one', entry!, 'status 500');
      const letters = await outbox.deadLetters(10);
      expect(letters).toEqual([
        expect.objectContaining({
          endpoint: 'one',
          reason: 'status 500',
          entry: { ...missed('c'), timeMs: entry!.timeMs },
        }),
      ]);
      expect(await told('two')).toEqual(['cache_miss c']);
      expect(await outbox.replay([letters[0]!.id, 'no id'])).toBe(1);
      expect(await outbox.replay([letters[0]!.id])).toBe(0);
      expect(await outbox.deadLetters(10)).toEqual([]);
      expect(await told('two')).toEqual([]);
      const replayed = await takeAll(outbox, 'one', 2);
      expect(replayed.find(({ ref }) => ref.channel === 'c')).toMatchObject({ timeMs: entry!.timeMs });
    });

    test('9.6 dead letters are bounded: the oldest is forgotten', async () => {
      const dead = async () => (await outbox.deadLetters(10)).map(({ entry }) => entry.ref.channel);
      const buryNew = async (count: number): Promise<void> => {
        for (let at = 0; at < count; at += 1) await outbox.add(missed(`c${buried + at}`));
        buried += count;
        for (const entry of await takeAll(outbox, 'one', count)) await outbox.bury('one', entry, 'gone');
      };
      let buried = 0;
      await buryNew(MOST_DEAD);
      expect(await dead()).toEqual(['c2', 'c1', 'c0']);
      await buryNew(1);
      expect(await dead()).toEqual(['c3', 'c2', 'c1']);
      expect(await outbox.deadLetters(1)).toHaveLength(1);
    });

    test('9.9 a bound of 0 keeps no dead letter', async () => {
      await reopen({ maxDead: 0 });
      await outbox.add(missed('c'));
      const [entry] = await takeAll(outbox, 'one', 1);
      await outbox.bury('one', entry!, 'gone');
      expect(await outbox.deadLetters(10)).toEqual([]);
      expect(await outbox.waiting('one')).toEqual({ entries: 0, oldestMs: 0 });
    });

    test('9.4 a listener is called when something was added', async () => {
      let calls = 0;
      outbox.onAdded(() => (calls += 1));
      await outbox.add(missed('c'));
      await eventually(() => calls > 0, 'the listener is called');
    });
  });
}

const memberOf = (id: string) => ({ id, userId: id, infoJson: undefined });
