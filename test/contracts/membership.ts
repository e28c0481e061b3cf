import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encode, type Member } from '#protocol';
import type { ChannelRef } from '../../src/core/ports/events.ts';
import { HOSTILE_NAMES, type Implementation, openStores } from './capabilities.ts';
import { waitFor } from '../support/wait-for.ts';

const ROOM: ChannelRef = { app: 'a', channel: 'presence-a' };
const ORDERS: ChannelRef = { app: 'a', channel: 'orders' };

const member = (userId: string | number, infoJson?: string): Member => ({
  id: String(userId),
  userId,
  infoJson,
});

/** The contract of `Membership`, for every implementation. */
export function membershipContract(implementation: Implementation): void {
  describe('membership', () => {
    let node: Awaited<ReturnType<typeof openStores>>;
    beforeEach(async () => {
      node = await openStores(implementation);
    });
    afterEach(() => node.close());

    const joins = (subscriptions: number, who?: Member, ref = ROOM, socketId = '1.1') =>
      node.membership.join(ref, { subscriptions, member: who, socketId });
    const leaves = (subscriptions: number, who?: Member, ref = ROOM) =>
      node.membership.leave(ref, { subscriptions, member: who });
    const ids = async (ref = ROOM) => (await node.membership.members(ref)).map(({ id }) => id);
    const occupancy = (subscriptions: number, users: number, ref = ROOM) =>
      waitFor(async () =>
        expect(await node.membership.occupancy(ref)).toMatchObject({ subscriptions, users }),
      );
    const channels = async (app: string, prefix: string) => [
      ...(await node.membership.channels(app, prefix)).keys(),
    ];

    /** Events of a channel, once the mark that is published last has arrived. */
    async function memberEvents(ref = ROOM) {
      await node.broker.publish(ref, { payload: 'mark' });
      const events = () =>
        node.deliveries
          .filter((each) => each.ref.app === ref.app && each.ref.channel === ref.channel)
          .map(({ event }) => event);
      await waitFor(() => expect(events().at(-1)?.payload).toBe('mark'));
      return events().slice(0, -1);
    }

    describe('edges', () => {
      test('3.9 the first socket occupies a channel, the last one leaves nothing', async () => {
        await joins(1, undefined, ORDERS);
        await occupancy(1, 0, ORDERS);
        await leaves(0, undefined, ORDERS);
        await occupancy(0, 0, ORDERS);
        expect(await channels('a', '')).toEqual([]);
      });

      test('3.9 the sockets in between are reported as a number', async () => {
        await joins(1, undefined, ORDERS);
        node.membership.count(ORDERS, 5);
        await occupancy(5, 0, ORDERS);
        node.membership.count(ORDERS, 2);
        await occupancy(2, 0, ORDERS);
      });

      test('3.9 a number of a channel that is not held changes nothing', async () => {
        node.membership.count(ORDERS, 5);
        await joins(1, undefined, { app: 'a', channel: 'later' });
        await occupancy(0, 0, ORDERS);
        expect(await channels('a', '')).toEqual(['later']);
      });

      test('3.11 leaving twice, or leaving a channel that was never joined, is no error', async () => {
        await leaves(0, member('1'));
        await joins(1, member('1'));
        await leaves(0, member('1'));
        await leaves(0, member('1'));
        await occupancy(0, 0);
        expect(await ids()).toEqual([]);
      });

      test('4.4 a user who leaves does not remove the other users of the node', async () => {
        await node.broker.subscribe(ROOM);
        await joins(1, member('1'));
        await joins(2, member('2'));
        await leaves(1, member('1'));
        await occupancy(1, 1);
        await waitFor(async () => expect(await ids()).toEqual(['2']));
      });
    });

    describe('members', () => {
      test('4.2 ids beyond 2^53 keep their digits, and user_info is kept as the text that was received', async () => {
        const info = '{"b":1.0,"a":1e400,"n":12345678901234567890,"a":"\\u00e9\\/","__proto__":[ ]}';
        const [one, two] = ['7212345678901234567', '7212345678901234568'].map((id) => member(id, info));
        await node.broker.subscribe(ROOM);
        await joins(1, one);
        await joins(2, two, ROOM, '2.2');
        await waitFor(async () => expect(await node.membership.members(ROOM)).toEqual([one, two]));
        await occupancy(2, 2);
        await leaves(1, one);
        await waitFor(async () => expect(await node.membership.members(ROOM)).toEqual([two]));
        const added = (who: Member | undefined) => encode.memberAdded(ROOM.channel, who as Member);
        expect((await memberEvents()).map(({ payload }) => payload)).toEqual([
          added(one),
          added(two),
          encode.memberRemoved(ROOM.channel, one as Member),
        ]);
      });

      test('4.3 members are listed in the order in which they joined', async () => {
        const order = ['9', '10', '1', 'b', 'a', '01', '2'];
        await node.broker.subscribe(ROOM);
        for (const [at, id] of order.entries()) await joins(1 + at, member(id));
        await waitFor(async () => expect(await ids()).toEqual(order));
        await leaves(6, member('1'));
        await joins(7, member('1'));
        await waitFor(async () => expect(await ids()).toEqual(['9', '10', 'b', 'a', '01', '2', '1']));
      });

      test('4.2 a member keeps the id type and user_info of its first subscription', async () => {
        const first = [
          member(7, '{"name":"Zoë \\ud83d"}'),
          member('x', 'null'),
          member(0),
          member(1e21, '[]'),
        ];
        for (const [at, each] of first.entries()) await joins(1 + at, each);
        await joins(5, member('7', '{"name":"other"}'));
        expect(await node.membership.members(ROOM)).toEqual(first);
      });

      test('4.2 whatever an id looks like, it is one separate user', async () => {
        await node.broker.subscribe(ROOM);
        for (const [at, id] of HOSTILE_NAMES.entries()) await joins(1 + at, member(id));
        await waitFor(async () => expect(await ids()).toEqual(HOSTILE_NAMES));
        await occupancy(HOSTILE_NAMES.length, HOSTILE_NAMES.length);
        await leaves(HOSTILE_NAMES.length - 1, member('__proto__'));
        await leaves(HOSTILE_NAMES.length - 2, member('0'));
        const left = HOSTILE_NAMES.filter((id) => id !== '__proto__' && id !== '0');
        await waitFor(async () => expect(await ids()).toEqual(left));
      });

      test('4.3 a channel without subscribers has no members, also when its name resembles another', async () => {
        await joins(1, member('1'));
        expect(await ids({ app: 'a', channel: 'presence-' })).toEqual([]);
        expect(await ids({ app: 'a', channel: 'presence-ab' })).toEqual([]);
        expect(await ids({ app: 'b', channel: 'presence-a' })).toEqual([]);
        expect(await ids({ app: '__proto__', channel: 'toString' })).toEqual([]);
      });
    });

    describe('member events', () => {
      test('4.4 member_added is sent once, to all but the joining socket', async () => {
        const who = member(7, '{"name":"Zoë"}');
        await node.broker.subscribe(ROOM);
        await joins(1, who, ROOM, '3.4');
        await joins(2, who, ROOM, '5.6');
        const payload = encode.memberAdded(ROOM.channel, who);
        expect(await memberEvents()).toEqual([
          { payload, except: '3.4', memberChange: { id: '7', joined: true } },
        ]);
      });

      test('4.4 member_removed is sent once, with the id as it was given first', async () => {
        await node.broker.subscribe(ROOM);
        await joins(1, member(7));
        await joins(2, member('8'));
        await leaves(1, member('7'));
        await leaves(1, member('7'));
        const payload = encode.memberRemoved(ROOM.channel, { userId: 7 });
        expect((await memberEvents()).slice(2)).toEqual([
          { payload, memberChange: { id: '7', joined: false } },
        ]);
      });

      test('4.4 joins and leaves are sent in their order', async () => {
        await node.broker.subscribe(ROOM);
        await joins(1, member('1'));
        await joins(2, member('2'));
        await leaves(1, member('1'));
        await joins(2, member('1'));
        await joins(2, member('3'));
        await leaves(1, member('2'));
        await leaves(1, member('1'));
        const changes = (await memberEvents()).map(
          (event) => `${event.memberChange?.joined ? '+' : '-'}${event.memberChange?.id}`,
        );
        expect(changes).toEqual(['+1', '+2', '-1', '+1', '+3', '-2', '-1']);
      });

      test('4.4 no member_removed is sent for a user who was not a member', async () => {
        await node.broker.subscribe(ROOM);
        await leaves(0, member('1'));
        await joins(1, member('1'));
        await leaves(1, member('2'));
        expect(await memberEvents()).toHaveLength(1);
        expect(await ids()).toEqual(['1']);
      });

      test('4.4 member events are sent to their own channel and app only', async () => {
        const others: ChannelRef[] = [
          { app: 'b', channel: 'presence-a' },
          { app: 'a', channel: 'presence-b' },
        ];
        for (const ref of [ROOM, ...others]) await node.broker.subscribe(ref);
        await joins(1, member('1'));
        for (const ref of others) expect(await memberEvents(ref)).toEqual([]);
      });

      test('3.9 channels without members send no member events', async () => {
        await node.broker.subscribe(ORDERS);
        await joins(1, undefined, ORDERS);
        await leaves(0, undefined, ORDERS);
        expect(await memberEvents(ORDERS)).toEqual([]);
      });
    });

    describe('channels', () => {
      const enter = async (app: string, ...names: string[]) => {
        for (const channel of names) await joins(1, undefined, { app, channel });
      };

      test('8.6 lists all occupied channels, each with its counts', async () => {
        await enter('a', 'orders');
        await joins(1, member('1'));
        await joins(2, member('2'));
        node.membership.count(ROOM, 3);
        await occupancy(3, 2);
        expect(Object.fromEntries(await node.membership.channels('a', ''))).toMatchObject({
          orders: { subscriptions: 1, users: 0 },
          'presence-a': { subscriptions: 3, users: 2 },
        });
      });

      test.each([
        ['', ['a', 'ab', 'abc', 'b', 'a*', 'a?', '[a]', 'A', '#a']],
        ['a', ['a', 'ab', 'abc', 'a*', 'a?']],
        ['ab', ['ab', 'abc']],
        ['a*', ['a*']],
        ['a?', ['a?']],
        ['[a]', ['[a]']],
        ['*', []],
        ['?', []],
        ['abcd', []],
        ['\\a', []],
        ['.', []],
        ['A', ['A']],
        ['#', ['#a']],
      ])('8.6 prefix %j is compared literally', async (prefix, expected) => {
        await enter('a', 'a', 'ab', 'abc', 'b', 'a*', 'a?', '[a]', 'A', '#a');
        expect((await channels('a', prefix)).sort()).toEqual([...expected].sort());
      });

      test('8.6 apps are separate, whatever apps and channels are called', async () => {
        for (const name of HOSTILE_NAMES) await enter(name, `of-${name}`, name);
        for (const name of HOSTILE_NAMES) {
          expect((await channels(name, '')).sort()).toEqual([name, `of-${name}`].sort());
        }
        expect(await channels('a', '')).toEqual([]);
        expect(await channels('__proto_', '')).toEqual([]);
      });

      test('8.6 a channel that was left is not listed, one that was joined again is', async () => {
        await enter('a', 'orders', 'news');
        await leaves(0, undefined, ORDERS);
        expect(await channels('a', '')).toEqual(['news']);
        await enter('a', 'orders');
        expect((await channels('a', '')).sort()).toEqual(['news', 'orders']);
      });
    });
  });
}
