import type { Frame } from '../../support/wire.ts';
import { dataOf, eventually } from '../../support/wire.ts';
import { channelAuth } from '../../support/wire-http.ts';
import type { Case } from '../case.ts';
import { holds, matches, same } from '../expect.ts';
import { member as memberData, SUCCEEDED } from '../case-tools.ts';
import type { CaseTools } from '../case-tools.ts';

const rosterOf = (frame: Frame): unknown => (dataOf(frame) as { presence?: unknown } | undefined)?.presence;

/** Expects the exact frame of a member that joined or left; its data is compared decoded. */
const expectMemberChange = (
  frame: Frame | undefined,
  event: 'member_added' | 'member_removed',
  channel: string,
  data: unknown,
) => {
  same(frame?.event, `pusher_internal:${event}`, 'event');
  same(frame?.channel, channel, 'channel');
  holds(typeof frame?.data === 'string', 'data', 'a string', frame?.data);
  same(dataOf(frame!), data, `data of ${event}`);
  same(Object.keys(frame!).sort(), ['channel', 'data', 'event'], 'members of the frame');
};

/** User ids that break a roster kept in a plain object or in delimited text. */
const HOSTILE_IDS = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '0',
  'a:b',
  '"',
  '\\',
  'é😀',
  ' ',
  '-1',
];

const identity: Case[] = [
  {
    id: 'S06',
    rule: '4.1',
    title: 'channel_data is signed as the raw string, with its escapes and spaces',
    async run(tools) {
      const channel = tools.name('presence-a');
      const wire = await tools.connect();
      const raw = '{ "user_info" : {"url":"https:\\/\\/a.test\\/", "name":"Ren\\u00e9"} ,\n "user_id":"7"}';
      const frame = await tools.subscribe(wire, channel, { member: raw });
      const hash = { 7: { url: 'https://a.test/', name: 'René' } };
      same(rosterOf(frame), { count: 1, ids: ['7'], hash }, 'the roster');
    },
  },
  {
    id: 'S07',
    rule: '4.1',
    title: 'a presence channel without channel_data is refused, signed or not',
    async run(tools) {
      const channel = tools.name('presence-a');
      const wire = await tools.connect();
      tools.sendSubscribe(wire, channel, { auth: channelAuth(tools.app, wire.socketId, channel) });
      await tools.unauthorised(wire, channel);
      same(await tools.channel(channel), { occupied: false }, 'the channel');
    },
  },
  {
    id: 'S46',
    rule: '3.5',
    title: 'channel_data other than the signed one is refused',
    async run(tools) {
      const channel = tools.name('presence-a');
      const wire = await tools.connect();
      const auth = channelAuth(tools.app, wire.socketId, channel, '{"user_id":"1"}');
      tools.sendSubscribe(wire, channel, { auth, member: '{"user_id":"2"}' });
      await tools.unauthorised(wire, channel);
    },
  },
  {
    id: 'S08',
    rule: '4.3',
    title: 'the first member gets a roster of one member, whose hash is an object',
    async run(tools) {
      const channel = tools.name('presence-a');
      const wire = await tools.connect();
      const frame = await tools.subscribe(wire, channel, { member: memberData('7', 'A') });
      same(dataOf(frame), { presence: { count: 1, ids: ['7'], hash: { 7: { name: 'A' } } } }, 'data');
    },
  },
  {
    id: 'S09',
    rule: '4.3',
    title: 'user ids 0 and 1 make a hash that is an object',
    async run(tools) {
      const channel = tools.name('presence-a');
      for (const id of ['0', '1']) await tools.subscriber(channel, { member: memberData(id, `n${id}`) });
      const third = await tools.connect();
      const frame = await tools.subscribe(third, channel, { member: memberData('2') });
      matches(frame.data, /"hash":\{"0":/, 'data');
      const hash = { 0: { name: 'n0' }, 1: { name: 'n1' }, 2: { name: 'N' } };
      same(rosterOf(frame), { count: 3, ids: ['0', '1', '2'], hash }, 'the roster');
    },
  },
  {
    id: 'S10',
    rule: '4.2',
    title: 'a numeric user_id stays a number in frames and is a string in the API',
    async run(tools) {
      const channel = tools.name('presence-a');
      const watcher = await tools.subscriber(channel, { member: memberData('w') });
      const wire = await tools.connect();
      const frame = await tools.subscribe(wire, channel, { member: memberData(3, 'C') });
      same((rosterOf(frame) as { ids: unknown }).ids, ['w', 3], 'ids');
      expectMemberChange((await watcher.settle())[0], 'member_added', channel, {
        user_id: 3,
        user_info: { name: 'C' },
      });
      same(
        (await tools.get(`/channels/${channel}/users`)).json,
        { users: [{ id: 'w' }, { id: '3' }] },
        'users',
      );
      tools.unsubscribe(wire, channel);
      expectMemberChange(await watcher.first(), 'member_removed', channel, { user_id: 3 });
    },
  },
  {
    id: 'S14',
    rule: '4.2',
    title: 'user 7 as number and as string is one member',
    async run(tools) {
      const channel = tools.name('presence-a');
      const first = await tools.subscriber(channel, { member: memberData(7) });
      const second = await tools.connect();
      const frame = await tools.subscribe(second, channel, { member: memberData('7') });
      same((rosterOf(frame) as { count: unknown }).count, 1, 'count');
      await tools.receivesNothing(first);
      same(await tools.channel(channel, 'user_count'), { occupied: true, user_count: 1 }, 'GET channel');
    },
  },
  {
    id: 'S47',
    rule: '4.2',
    title: '0 and "0" are users',
    async run(tools) {
      for (const id of [0, '0']) {
        const channel = tools.name(`presence-${typeof id}`);
        const watcher = await tools.subscriber(channel, { member: memberData('w') });
        const wire = await tools.connect();
        const frame = await tools.subscribe(wire, channel, { member: memberData(id) });
        const hash = { w: { name: 'N' }, 0: { name: 'N' } };
        same(rosterOf(frame), { count: 2, ids: ['w', id], hash }, 'the roster');
        expectMemberChange((await watcher.settle())[0], 'member_added', channel, memberData(id));
      }
    },
  },
  {
    id: 'S48',
    rule: '4.1',
    title: 'a user_id that is missing, null, empty, an object, an array or a boolean is refused',
    async run(tools) {
      const channel = tools.name('presence-a');
      const watcher = await tools.subscriber(channel, { member: memberData('w') });
      for (const member of [{}, ...[null, '', {}, [], ['7'], true, false].map((id) => memberData(id))]) {
        const wire = await tools.connect();
        tools.sendSubscribe(wire, channel, { member });
        await tools.unauthorised(wire, channel);
      }
      await tools.receivesNothing(watcher);
      same(await tools.channel(channel, 'user_count'), { occupied: true, user_count: 1 }, 'the channel');
    },
  },
  {
    id: 'S49',
    rule: '4.1',
    title: 'channel_data that is no JSON object is refused',
    async run(tools) {
      const channel = tools.name('presence-a');
      const wire = await tools.connect();
      for (const member of [
        'not json',
        '[]',
        '["7"]',
        '7',
        '"7"',
        'null',
        '{"user_id":"7"',
        '{"__proto__":{"user_id":"7"}}',
      ]) {
        tools.sendSubscribe(wire, channel, { member });
        await tools.unauthorised(wire, channel);
      }
    },
  },
  {
    id: 'S50',
    rule: '4.2',
    title: 'hostile user ids are users like any other',
    async run(tools) {
      const channel = tools.name('presence-a');
      const watcher = await tools.subscriber(channel, { member: memberData('w') });
      let last: Frame = {};
      const wires = [];
      for (const id of HOSTILE_IDS) {
        const wire = await tools.connect();
        wires.push(wire);
        last = await tools.subscribe(wire, channel, { member: { user_id: id, user_info: { id } } });
        expectMemberChange(await watcher.first(), 'member_added', channel, {
          user_id: id,
          user_info: { id },
        });
      }
      const { presence } = JSON.parse(String(last.data)) as {
        presence: { ids: string[]; hash: Record<string, unknown> };
      };
      same(presence.ids, ['w', ...HOSTILE_IDS], 'ids in order of joining');
      same(Object.keys(presence.hash).sort(), ['w', ...HOSTILE_IDS].sort(), 'keys of the hash');
      for (const [index, id] of HOSTILE_IDS.entries()) {
        tools.unsubscribe(wires[index]!, channel);
        expectMemberChange(await watcher.first(), 'member_removed', channel, { user_id: id });
      }
    },
  },
  {
    id: 'S51',
    rule: '4.2',
    title: 'numeric user ids are compared by their text',
    async run(tools) {
      const channel = tools.name('presence-a');
      const wire = await tools.subscriber(channel, { member: memberData(1.5) });
      await tools.subscribe(await tools.connect(), channel, { member: memberData('1.5') });
      await tools.subscribe(await tools.connect(), channel, { member: memberData(-1) });
      await wire.settle();
      same(
        (await tools.get(`/channels/${channel}/users`)).json,
        { users: [{ id: '1.5' }, { id: '-1' }] },
        'users',
      );
    },
  },
];

const info: Case[] = [
  {
    id: 'S15',
    rule: '4.3',
    title: 'without user_info the hash has the key with null',
    async run(tools) {
      const channel = tools.name('presence-a');
      const frame = await tools.subscribe(await tools.connect(), channel, { member: { user_id: '7' } });
      same(rosterOf(frame), { count: 1, ids: ['7'], hash: { 7: null } }, 'the roster');
    },
  },
  {
    id: 'S52',
    rule: '4.3',
    title: 'user_info may be any JSON and is sent unchanged',
    async run(tools) {
      for (const [index, value] of [true, false, 0, '', 'text', null, [], {}, [1, { a: [] }]].entries()) {
        const channel = tools.name(`presence-${index}`);
        const watcher = await tools.subscriber(channel, { member: memberData('w') });
        const member = { user_id: '7', user_info: value };
        const frame = await tools.subscribe(await tools.connect(), channel, { member });
        same((rosterOf(frame) as { hash: object }).hash, { w: { name: 'N' }, 7: value }, 'hash');
        expectMemberChange((await watcher.settle())[0], 'member_added', channel, member);
      }
    },
  },
  {
    id: 'S53',
    rule: '4.4',
    title: 'member_added has user_id and user_info only',
    async run(tools) {
      const channel = tools.name('presence-a');
      const watcher = await tools.subscriber(channel, { member: memberData('w') });
      await tools.subscriber(channel, {
        member: '{"user_id":"1","extra":"x","__proto__":{"b":1},"user_info":{"a":1}}',
      });
      expectMemberChange((await watcher.settle())[0], 'member_added', channel, {
        user_id: '1',
        user_info: { a: 1 },
      });
    },
  },
  {
    id: 'S54',
    rule: '4.4',
    title: 'member_added without user_info when there is none',
    async run(tools) {
      const channel = tools.name('presence-a');
      const watcher = await tools.subscriber(channel, { member: memberData('w') });
      await tools.subscriber(channel, { member: { user_id: '1' } });
      expectMemberChange((await watcher.settle())[0], 'member_added', channel, { user_id: '1' });
    },
  },
  {
    id: 'S55',
    rule: '4.3',
    title: 'when sockets of one user have different user_info, the first is kept',
    async run(tools) {
      const channel = tools.name('presence-a');
      await tools.subscriber(channel, { member: memberData('7', 'first') });
      const frame = await tools.subscribe(await tools.connect(), channel, {
        member: memberData('7', 'second'),
      });
      same(rosterOf(frame), { count: 1, ids: ['7'], hash: { 7: { name: 'first' } } }, 'the roster');
    },
  },
];

/** Subscribes user 7 as A and user 9 as B to one channel, and reads the frames of their joining. */
const twoMembers = async (tools: CaseTools) => {
  const channel = tools.name('presence-a');
  const a = await tools.subscriber(channel, { member: memberData('7', 'A') });
  const b = await tools.subscriber(channel, { member: memberData('9', 'B') });
  await a.settle();
  return { channel, a, b };
};

const changes: Case[] = [
  {
    id: 'S11',
    rule: '4.4',
    title: 'a new user: the other members get one member_added, the new one only its success',
    async run(tools) {
      const channel = tools.name('presence-a');
      const a = await tools.subscriber(channel, { member: memberData('7', 'A') });
      const b = await tools.connect();
      tools.sendSubscribe(b, channel, { member: memberData('9', 'B') });
      const frames = await b.settle();
      same(
        frames.map(({ event }) => event),
        [SUCCEEDED],
        'frames of the new member',
      );
      const hash = { 7: { name: 'A' }, 9: { name: 'B' } };
      same(rosterOf(frames[0]!), { count: 2, ids: ['7', '9'], hash }, 'the roster');
      const received = await a.settle();
      same(received.length, 1, 'frames of the other socket');
      expectMemberChange(received[0], 'member_added', channel, { user_id: '9', user_info: { name: 'B' } });
    },
  },
  {
    id: 'S12',
    rule: '4.4',
    title: 'a second socket of a user joins and the first leaves: no member_added, no member_removed',
    async run(tools) {
      const { channel, a, b } = await twoMembers(tools);
      const second = await tools.connect();
      const frame = await tools.subscribe(second, channel, { member: memberData('9', 'B') });
      same((rosterOf(frame) as { count: unknown }).count, 2, 'count');
      tools.unsubscribe(b, channel);
      await tools.receivesNothing(b, second, a);
    },
  },
  {
    id: 'S13',
    rule: '4.4',
    title: "the connection of a user's last socket is lost: one member_removed",
    async run(tools) {
      const { channel, a, b } = await twoMembers(tools);
      const second = await tools.subscriber(channel, { member: memberData('9') });
      b.drop();
      const isDropped = async () => {
        const { json } = await tools.get(`/channels/${channel}`, [['info', 'user_count']]);
        return (json as { user_count?: number }).user_count === 2;
      };
      await eventually(isDropped, 'still two users');
      second.drop();
      expectMemberChange(await a.first(), 'member_removed', channel, { user_id: '9' });
      await tools.receivesNothing(a);
    },
  },
  {
    id: 'S56',
    rule: '4.4',
    title: 'unsubscribing: the other members get member_removed, the socket that leaves nothing',
    async run(tools) {
      const { channel, a, b } = await twoMembers(tools);
      tools.unsubscribe(b, channel);
      await tools.receivesNothing(b);
      const received = await a.settle();
      same(received.length, 1, 'frames of the other socket');
      expectMemberChange(received[0], 'member_removed', channel, { user_id: '9' });
    },
  },
  {
    id: 'S57',
    rule: '3.7',
    title: 'subscribing again gives a fresh roster and no member_added',
    async run(tools) {
      const { channel, a, b } = await twoMembers(tools);
      await tools.subscriber(channel, { member: memberData('5') });
      await b.settle();
      const frame = await tools.subscribe(b, channel, { member: memberData('9', 'B') });
      same((rosterOf(frame) as { ids: unknown }).ids, ['7', '9', '5'], 'ids');
      same((await a.settle()).length, 1, 'frames of the other socket: user 5 only');
    },
  },
  {
    id: 'S58',
    rule: '4.4',
    title: 'leaving and joining again sends member_removed and member_added again',
    async run(tools) {
      const { channel, a, b } = await twoMembers(tools);
      for (let round = 0; round < 3; round += 1) {
        tools.unsubscribe(b, channel);
        await tools.subscribe(b, channel, { member: memberData('9', 'B') });
        const received = (await a.settle()).map(({ event }) => event);
        same(
          received,
          ['pusher_internal:member_removed', 'pusher_internal:member_added'],
          'frames of one round',
        );
      }
    },
  },
  {
    id: 'S59',
    rule: '4.4',
    title: 'a closed socket leaves all its presence channels',
    async run(tools) {
      const channels = [tools.name('presence-a'), tools.name('presence-b')];
      const watcher = await tools.connect();
      const leaver = await tools.connect();
      for (const channel of channels) {
        await tools.subscribe(watcher, channel, { member: memberData('w') });
        await tools.subscribe(leaver, channel, { member: memberData('g') });
      }
      await watcher.settle();
      await leaver.close();
      for (const channel of channels) {
        expectMemberChange(
          await watcher.next((frame) => frame.channel === channel),
          'member_removed',
          channel,
          {
            user_id: 'g',
          },
        );
      }
      await tools.receivesNothing(watcher);
    },
  },
  {
    id: 'S60',
    rule: '4.3',
    title: 'ids are in order of joining: a user who rejoins is last, the others keep their places',
    async run(tools) {
      const channel = tools.name('presence-a');
      const wires = [];
      for (const id of ['9', '1', 'z', '5'])
        wires.push(await tools.subscriber(channel, { member: memberData(id) }));
      tools.unsubscribe(wires[1]!, channel);
      await wires[1]!.settle();
      const frame = await tools.subscribe(wires[1]!, channel, { member: memberData('1') });
      same((rosterOf(frame) as { ids: unknown }).ids, ['9', 'z', '5', '1'], 'ids');
    },
  },
];

export const presence: Case[] = [...identity, ...info, ...changes];
