import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encode, type Member } from '#protocol';
import type { Stores } from '../../src/core/ports.ts';
import {
  type Capabilities,
  eventually,
  HOSTILE,
  listening,
  type Open,
  ref,
  type Subject,
} from './subject.ts';

const ROOM = 'presence-room';
const member = (id: string, infoJson?: string): Member => ({ id, userId: id, infoJson });
const idsOf = (members: readonly Member[]): string[] => members.map(({ id }) => id);

/** A node that listens to the room, and may enter and leave it as the hub does. */
async function nodeIn(subject: Subject, channel = ROOM) {
  const node = await listening(subject);
  await node.broker.subscribe(ref(channel));
  return {
    ...node,
    join: (subscriptions: number, who?: Member, socketId = '1.1') =>
      node.membership.join(ref(channel), { subscriptions, member: who, socketId }),
    leave: (subscriptions: number, who?: Member) =>
      node.membership.leave(ref(channel), { subscriptions, member: who }),
    members: async () => idsOf(await node.membership.members(ref(channel))),
    occupancy: () => node.membership.occupancy(ref(channel)),
  };
}

/** What every membership does. */
export function membershipContract(open: Open, { severalNodes }: Capabilities): void {
  let subject: Subject;
  beforeEach(async () => {
    subject = await open();
  });
  afterEach(() => subject.close());

  describe('occupancy', () => {
    test('3.9 is what the node said last, by edges or by counts', async () => {
      const node = await nodeIn(subject, 'orders');
      expect(await node.occupancy()).toEqual({ subscriptions: 0, users: 0 });
      await node.join(1);
      expect(await node.occupancy()).toEqual({ subscriptions: 1, users: 0 });
      node.membership.count(ref('orders'), 7);
      await eventually(async () => (await node.occupancy()).subscriptions === 7, 'the count');
      await node.leave(0);
      expect(await node.occupancy()).toEqual({ subscriptions: 0, users: 0 });
    });

    test('3.9 a count for a channel that the node does not hold changes nothing', async () => {
      const node = await nodeIn(subject);
      node.membership.count(ref('never'), 7);
      await node.join(1, member('a'));
      expect(await node.membership.occupancy(ref('never'))).toEqual({ subscriptions: 0, users: 0 });
      expect([...(await node.membership.channels('app', '')).keys()]).toEqual([ROOM]);
    });

    test('8.6 channels are those that are occupied, with their counts, of this app only', async () => {
      const node = await nodeIn(subject);
      await node.join(1, member('a'));
      await node.membership.join(ref('orders'), { subscriptions: 1, socketId: '1.1' });
      await node.membership.join(ref('orders', 'other'), { subscriptions: 1, socketId: '1.1' });
      await node.membership.join(ref('gone'), { subscriptions: 1, socketId: '1.1' });
      await node.membership.leave(ref('gone'), { subscriptions: 0 });
      expect(await node.membership.channels('app', '')).toEqual(
        new Map([
          [ROOM, { subscriptions: 1, users: 1 }],
          ['orders', { subscriptions: 1, users: 0 }],
        ]),
      );
      expect([...(await node.membership.channels('other', '')).keys()]).toEqual(['orders']);
      expect(await node.membership.channels('nobody', '')).toEqual(new Map());
    });

    test('8.6 a prefix is compared as it is, whatever is in it', async () => {
      const node = await listening(subject);
      for (const name of HOSTILE)
        await node.membership.join(ref(name), { subscriptions: 1, socketId: '1.1' });
      for (const prefix of [...HOSTILE, 'a', '*', 'A', 'zz']) {
        const found = [...(await node.membership.channels('app', prefix)).keys()];
        expect(found.sort()).toEqual(HOSTILE.filter((name) => name.startsWith(prefix)).sort());
      }
    });
  });

  describe('members', () => {
    test('4.3 are listed in the order in which they joined, as they joined', async () => {
      const node = await nodeIn(subject);
      const people = [
        member('z', '{"name":"Z"}'),
        { ...member('7'), userId: 7 },
        member('__proto__', 'null'),
      ];
      for (const [at, who] of people.entries()) await node.join(at + 1, who);
      expect(await node.membership.members(ref(ROOM))).toEqual(people);
      expect(await node.occupancy()).toEqual({ subscriptions: 3, users: 3 });
    });

    test('4.3 are none where nobody is', async () => {
      const node = await nodeIn(subject);
      expect(await node.membership.members(ref('presence-nowhere'))).toEqual([]);
    });

    test('4.4 coming is told on the channel, but not to the one who comes', async () => {
      const node = await nodeIn(subject);
      await node.join(1, member('a', '{"n":1}'), '5.5');
      await eventually(() => node.heard.length > 0, 'the news');
      expect(node.heard.map(({ event }) => event)).toEqual([
        {
          payload: encode.memberAdded(ROOM, member('a', '{"n":1}')),
          except: '5.5',
          news: { id: 'a', came: true },
        },
      ]);
    });

    test('4.4 going is told to everybody, with the type of id that came', async () => {
      const node = await nodeIn(subject);
      const seven: Member = { id: '7', userId: 7, infoJson: undefined };
      await node.join(1, seven);
      await node.leave(0, { id: '7', userId: '7', infoJson: undefined });
      await eventually(() => node.heard.length > 1, 'the news');
      expect(node.heard[1]?.event).toEqual({
        payload: encode.memberRemoved(ROOM, seven),
        news: { id: '7', came: false },
      });
    });

    test('4.2 somebody who is there already is no news, and what he told first stands', async () => {
      const node = await nodeIn(subject);
      await node.join(1, member('a', '1'));
      await node.join(2, member('a', '2'));
      await node.join(3, member('b'));
      await eventually(() => node.heard.length > 1, 'the news');
      expect(node.heard.map(({ event }) => event.news?.id)).toEqual(['a', 'b']);
      expect((await node.membership.members(ref(ROOM)))[0]?.infoJson).toBe('1');
    });

    test('4.4 leaving twice is no error and told once', async () => {
      const node = await nodeIn(subject);
      await node.join(1, member('a'));
      await node.join(2, member('b'));
      await node.leave(1, member('a'));
      await node.leave(1, member('a'));
      await node.leave(0, member('b'));
      await node.leave(0, member('b'));
      await eventually(() => node.heard.length >= 4, 'the news');
      await node.join(1, member('c'));
      await eventually(() => node.heard.length >= 5, 'the news after');
      expect(node.heard.map(({ event }) => [event.news?.id, event.news?.came])).toEqual([
        ['a', true],
        ['b', true],
        ['a', false],
        ['b', false],
        ['c', true],
      ]);
    });

    test('4.4 leaving what nobody was in is no error', async () => {
      const node = await nodeIn(subject);
      await expect(node.leave(0, member('a'))).resolves.toBeUndefined();
      expect(await node.membership.channels('app', '')).toEqual(new Map());
    });

    test('4.4 somebody who comes back stands at the end', async () => {
      const node = await nodeIn(subject);
      await node.join(1, member('a'));
      await node.join(2, member('b'));
      await node.leave(1, member('a'));
      await node.join(2, member('a'));
      expect(await node.members()).toEqual(['b', 'a']);
    });

    test('4.4 members of channels and apps of any name are told apart', async () => {
      const node = await listening(subject);
      const places = HOSTILE.flatMap((name) => [ref(name), ref(name, 'other'), ref(ROOM, name)]);
      const join = (stores: Stores, at: number) =>
        stores.membership.join(places[at]!, {
          subscriptions: 1,
          member: member(`user ${at}`),
          socketId: '1.1',
        });
      for (const at of places.keys()) await join(node, at);
      for (const [at, place] of places.entries())
        expect(idsOf(await node.membership.members(place))).toEqual([`user ${at}`]);
    });
  });

  if (severalNodes)
    describe('several nodes', () => {
      test('4.4 a user is there as long as one node has a socket of his', async () => {
        const [first, second] = [await nodeIn(subject), await nodeIn(subject)];
        await first.join(1, member('a'));
        await second.join(1, member('a'));
        expect(await first.occupancy()).toEqual({ subscriptions: 2, users: 1 });
        await first.leave(0, member('a'));
        expect(await second.members()).toEqual(['a']);
        await second.leave(0, member('a'));
        expect(await first.members()).toEqual([]);
        await eventually(() => first.heard.length >= 2 && second.heard.length >= 2, 'the news');
        for (const { heard } of [first, second])
          expect(heard.map(({ event }) => event.news)).toEqual([
            { id: 'a', came: true },
            { id: 'a', came: false },
          ]);
      });

      test('8.6 counts are sums, and a channel is occupied while one node holds it', async () => {
        const [first, second] = [await nodeIn(subject, 'orders'), await nodeIn(subject, 'orders')];
        await first.join(1);
        await second.join(1);
        second.membership.count(ref('orders'), 5);
        await eventually(async () => (await first.occupancy()).subscriptions === 6, 'the sum');
        await second.leave(0);
        expect(await second.membership.channels('app', '')).toEqual(
          new Map([['orders', { subscriptions: 1, users: 0 }]]),
        );
        await first.leave(0);
        expect(await second.membership.channels('app', '')).toEqual(new Map());
      });
    });
}
