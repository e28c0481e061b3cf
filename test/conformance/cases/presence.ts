import type { Frame } from '../../support/wire.ts';
import { dataOf, eventually } from '../../support/wire.ts';
import { channelAuth } from '../../support/wire-http.ts';
import type { Case } from '../case.ts';
import { holds, matches, same } from '../expect.ts';
import { member as person, SUCCEEDED } from '../case-tools.ts';
import type { CaseTools } from '../case-tools.ts';

const rosterOf = (frame: Frame): unknown => (dataOf(frame) as { presence?: unknown } | undefined)?.presence;

/** The exact frame of a change, its data decoded. */
const isNews = (
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

/** Text that breaks naive ways of keeping members. */
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
    title: 'channel_data is signed as the raw string, whatever its escapes and spaces',
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
    title: 'presence without channel_data is refused, signed or not',
    async run(tools) {
      const channel = tools.name('presence-a');
      const wire = await tools.connect();
      tools.ask(wire, channel, { auth: channelAuth(tools.app, wire.socketId, channel) });
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
      tools.ask(wire, channel, { auth, member: '{"user_id":"2"}' });
      await tools.unauthorised(wire, channel);
    },
  },
  {
    id: 'S08',
    rule: '4.3',
    title: 'the first member gets a roster of one, the hash an object',
    async run(tools) {
      const channel = tools.name('presence-a');
      const wire = await tools.connect();
      const frame = await tools.subscribe(wire, channel, { member: person('7', 'A') });
      same(dataOf(frame), { presence: { count: 1, ids: ['7'], hash: { 7: { name: 'A' } } } }, 'data');
    },
  },
  {
    id: 'S09',
    rule: '4.3',
    title: 'user ids 0 and 1 make a hash that is an object',
    async run(tools) {
      const channel = tools.name('presence-a');
      for (const id of ['0', '1']) await tools.subscriber(channel, { member: person(id, `n${id}`) });
      const third = await tools.connect();
      const frame = await tools.subscribe(third, channel, { member: person('2') });
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
      const watcher = await tools.subscriber(channel, { member: person('w') });
      const wire = await tools.connect();
      const frame = await tools.subscribe(wire, channel, { member: person(3, 'C') });
      same((rosterOf(frame) as { ids: unknown }).ids, ['w', 3], 'ids');
      isNews((await watcher.settle())[0], 'member_added', channel, { user_id: 3, user_info: { name: 'C' } });
      same(
        (await tools.get(`/channels/${channel}/users`)).json,
        { users: [{ id: 'w' }, { id: '3' }] },
        'users',
      );
      tools.unsubscribe(wire, channel);
      isNews(await watcher.first(), 'member_removed', channel, { user_id: 3 });
    },
  },
  {
    id: 'S14',
    rule: '4.2',
    title: 'user 7 as number and as string is one member',
    async run(tools) {
      const channel = tools.name('presence-a');
      const first = await tools.subscriber(channel, { member: person(7) });
      const second = await tools.connect();
      const frame = await tools.subscribe(second, channel, { member: person('7') });
      same((rosterOf(frame) as { count: unknown }).count, 1, 'count');
      await tools.silent(first);
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
        const watcher = await tools.subscriber(channel, { member: person('w') });
        const wire = await tools.connect();
        const frame = await tools.subscribe(wire, channel, { member: person(id) });
        const hash = { w: { name: 'N' }, 0: { name: 'N' } };
        same(rosterOf(frame), { count: 2, ids: ['w', id], hash }, 'the roster');
        isNews((await watcher.settle())[0], 'member_added', channel, person(id));
      }
    },
  },
  {
    id: 'S48',
    rule: '4.1',
    title: 'a user_id that is missing, null, empty, an object, an array or a boolean is refused',
    async run(tools) {
      const channel = tools.name('presence-a');
      const watcher = await tools.subscriber(channel, { member: person('w') });
      for (const member of [{}, ...[null, '', {}, [], ['7'], true, false].map((id) => person(id))]) {
        const wire = await tools.connect();
        tools.ask(wire, channel, { member });
        await tools.unauthorised(wire, channel);
      }
      await tools.silent(watcher);
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
        tools.ask(wire, channel, { member });
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
      const watcher = await tools.subscriber(channel, { member: person('w') });
      let last: Frame = {};
      const wires = [];
      for (const id of HOSTILE_IDS) {
        const wire = await tools.connect();
        wires.push(wire);
        last = await tools.subscribe(wire, channel, { member: { user_id: id, user_info: { id } } });
        isNews(await watcher.first(), 'member_added', channel, { user_id: id, user_info: { id } });
      }
      const { presence } = JSON.parse(String(last.data)) as {
        presence: { ids: string[]; hash: Record<string, unknown> };
      };
      same(presence.ids, ['w', ...HOSTILE_IDS], 'ids in order of joining');
      same(Object.keys(presence.hash).sort(), ['w', ...HOSTILE_IDS].sort(), 'keys of the hash');
      for (const [index, id] of HOSTILE_IDS.entries()) {
        tools.unsubscribe(wires[index]!, channel);
        isNews(await watcher.first(), 'member_removed', channel, { user_id: id });
      }
    },
  },
  {
    id: 'S51',
    rule: '4.2',
    title: 'numbers are told apart by their text',
    async run(tools) {
      const channel = tools.name('presence-a');
      const wire = await tools.subscriber(channel, { member: person(1.5) });
      await tools.subscribe(await tools.connect(), channel, { member: person('1.5') });
      await tools.subscribe(await tools.connect(), channel, { member: person(-1) });
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
    title: 'user_info may be any JSON and comes back as it is',
    async run(tools) {
      for (const [index, value] of [true, false, 0, '', 'text', null, [], {}, [1, { a: [] }]].entries()) {
        const channel = tools.name(`presence-${index}`);
        const watcher = await tools.subscriber(channel, { member: person('w') });
        const member = { user_id: '7', user_info: value };
        const frame = await tools.subscribe(await tools.connect(), channel, { member });
        same((rosterOf(frame) as { hash: object }).hash, { w: { name: 'N' }, 7: value }, 'hash');
        isNews((await watcher.settle())[0], 'member_added', channel, member);
      }
    },
  },
  {
    id: 'S53',
    rule: '4.4',
    title: 'member_added has user_id and user_info only',
    async run(tools) {
      const channel = tools.name('presence-a');
      const watcher = await tools.subscriber(channel, { member: person('w') });
      await tools.subscriber(channel, {
        member: '{"user_id":"1","extra":"x","__proto__":{"b":1},"user_info":{"a":1}}',
      });
      isNews((await watcher.settle())[0], 'member_added', channel, { user_id: '1', user_info: { a: 1 } });
    },
  },
  {
    id: 'S54',
    rule: '4.4',
    title: 'member_added without user_info when there is none',
    async run(tools) {
      const channel = tools.name('presence-a');
      const watcher = await tools.subscriber(channel, { member: person('w') });
      await tools.subscriber(channel, { member: { user_id: '1' } });
      isNews((await watcher.settle())[0], 'member_added', channel, { user_id: '1' });
    },
  },
  {
    id: 'S55',
    rule: '4.3',
    title: "of one user's differing user_info the first is kept",
    async run(tools) {
      const channel = tools.name('presence-a');
      await tools.subscriber(channel, { member: person('7', 'first') });
      const frame = await tools.subscribe(await tools.connect(), channel, { member: person('7', 'second') });
      same(rosterOf(frame), { count: 1, ids: ['7'], hash: { 7: { name: 'first' } } }, 'the roster');
    },
  },
];

/** A(7) and B(9) on one channel; the frames of joining are taken. */
const couple = async (tools: CaseTools) => {
  const channel = tools.name('presence-a');
  const a = await tools.subscriber(channel, { member: person('7', 'A') });
  const b = await tools.subscriber(channel, { member: person('9', 'B') });
  await a.settle();
  return { channel, a, b };
};

const changes: Case[] = [
  {
    id: 'S11',
    rule: '4.4',
    title: 'a new user: the others get one member_added, the newcomer only its success',
    async run(tools) {
      const channel = tools.name('presence-a');
      const a = await tools.subscriber(channel, { member: person('7', 'A') });
      const b = await tools.connect();
      tools.ask(b, channel, { member: person('9', 'B') });
      const frames = await b.settle();
      same(
        frames.map(({ event }) => event),
        [SUCCEEDED],
        'frames of the newcomer',
      );
      const hash = { 7: { name: 'A' }, 9: { name: 'B' } };
      same(rosterOf(frames[0]!), { count: 2, ids: ['7', '9'], hash }, 'the roster');
      const news = await a.settle();
      same(news.length, 1, 'frames of the other');
      isNews(news[0], 'member_added', channel, { user_id: '9', user_info: { name: 'B' } });
    },
  },
  {
    id: 'S12',
    rule: '4.4',
    title: 'a second socket of a user joins and the first leaves: nothing is announced',
    async run(tools) {
      const { channel, a, b } = await couple(tools);
      const second = await tools.connect();
      const frame = await tools.subscribe(second, channel, { member: person('9', 'B') });
      same((rosterOf(frame) as { count: unknown }).count, 2, 'count');
      tools.unsubscribe(b, channel);
      await tools.silent(b, second, a);
    },
  },
  {
    id: 'S13',
    rule: '4.4',
    title: "a user's last socket drops: one member_removed",
    async run(tools) {
      const { channel, a, b } = await couple(tools);
      const second = await tools.subscriber(channel, { member: person('9') });
      b.drop();
      const one = async () => {
        const { json } = await tools.get(`/channels/${channel}`, [['info', 'user_count']]);
        return (json as { user_count?: number }).user_count === 2;
      };
      await eventually(one, 'still two users');
      second.drop();
      isNews(await a.first(), 'member_removed', channel, { user_id: '9' });
      await tools.silent(a);
    },
  },
  {
    id: 'S56',
    rule: '4.4',
    title: 'unsubscribing: the others get member_removed, the leaver nothing',
    async run(tools) {
      const { channel, a, b } = await couple(tools);
      tools.unsubscribe(b, channel);
      await tools.silent(b);
      const news = await a.settle();
      same(news.length, 1, 'frames of the other');
      isNews(news[0], 'member_removed', channel, { user_id: '9' });
    },
  },
  {
    id: 'S57',
    rule: '3.7',
    title: 'subscribing again gives a fresh roster and no member_added',
    async run(tools) {
      const { channel, a, b } = await couple(tools);
      await tools.subscriber(channel, { member: person('5') });
      await b.settle();
      const frame = await tools.subscribe(b, channel, { member: person('9', 'B') });
      same((rosterOf(frame) as { ids: unknown }).ids, ['7', '9', '5'], 'ids');
      same((await a.settle()).length, 1, 'frames of the other: user 5 only');
    },
  },
  {
    id: 'S58',
    rule: '4.4',
    title: 'leaving and joining again is announced again',
    async run(tools) {
      const { channel, a, b } = await couple(tools);
      for (let round = 0; round < 3; round += 1) {
        tools.unsubscribe(b, channel);
        await tools.subscribe(b, channel, { member: person('9', 'B') });
        const news = (await a.settle()).map(({ event }) => event);
        same(news, ['pusher_internal:member_removed', 'pusher_internal:member_added'], 'news of one round');
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
      const goer = await tools.connect();
      for (const channel of channels) {
        await tools.subscribe(watcher, channel, { member: person('w') });
        await tools.subscribe(goer, channel, { member: person('g') });
      }
      await watcher.settle();
      await goer.close();
      for (const channel of channels) {
        isNews(await watcher.next((frame) => frame.channel === channel), 'member_removed', channel, {
          user_id: 'g',
        });
      }
      await tools.silent(watcher);
    },
  },
  {
    id: 'S60',
    rule: '4.3',
    title: 'a user who changes nothing keeps its place: ids are in order of joining',
    async run(tools) {
      const channel = tools.name('presence-a');
      const wires = [];
      for (const id of ['9', '1', 'z', '5'])
        wires.push(await tools.subscriber(channel, { member: person(id) }));
      tools.unsubscribe(wires[1]!, channel);
      await wires[1]!.settle();
      const frame = await tools.subscribe(wires[1]!, channel, { member: person('1') });
      same((rosterOf(frame) as { ids: unknown }).ids, ['9', 'z', '5', '1'], 'ids');
    },
  },
];

export const presence: Case[] = [...identity, ...info, ...changes];
