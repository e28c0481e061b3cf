import { eventually } from '../../support/wire.ts';
import type { Case } from '../case.ts';
import { holds, same } from '../expect.ts';
import { needs } from '../settings.ts';
import { member } from '../case-tools.ts';
import type { CaseTools } from '../case-tools.ts';

const channelsOf = async (tools: CaseTools, query: readonly (readonly [string, string])[] = []) => {
  const answer = await tools.get('/channels', query);
  same(answer.status, 200, 'status');
  return (answer.json as { channels: Record<string, unknown> }).channels;
};

const lists: Case[] = [
  {
    id: 'H15',
    rule: '8.6',
    title: 'no channels: {"channels":{}}, an object',
    alone: true,
    async run(tools) {
      const answer = await tools.get('/channels');
      same([answer.status, answer.text], [200, '{"channels":{}}'], 'the answer');
      const filtered = await tools.get('/channels', [
        ['filter_by_prefix', 'none-'],
        ['info', 'user_count'],
      ]);
      same(filtered.text, '{"channels":{}}', 'the filtered answer');
    },
  },
  {
    id: 'H76',
    rule: '8.6',
    title: 'occupied channels are listed with {} each, cached but empty ones are not',
    async run(tools) {
      const [orders, cached] = [tools.name('orders'), tools.name('cache-x')];
      await tools.subscriber(orders);
      await tools.publish('e', 'd', cached);
      const channels = await channelsOf(tools);
      same(channels[orders], {}, 'the occupied channel');
      same(channels[cached], undefined, 'the channel without subscribers');
    },
  },
  {
    id: 'H16',
    rule: '8.6',
    title: 'filter_by_prefix=presence- and info=user_count: presence channels with their users',
    async run(tools) {
      const presence = tools.name('presence-a');
      for (const id of ['7', '7', '9']) await tools.subscriber(presence, { member: member(id) });
      await tools.subscriber(tools.name('orders'));
      const channels = await channelsOf(tools, [
        ['filter_by_prefix', 'presence-'],
        ['info', 'user_count'],
      ]);
      same(channels[presence], { user_count: 2 }, 'the presence channel');
      const others = Object.keys(channels).filter((name) => !name.startsWith('presence-'));
      same(others, [], 'other channels in the answer');
    },
  },
  {
    id: 'H77',
    rule: '8.6',
    title: 'attributes that do not apply are left out',
    async run(tools) {
      const [presence, orders] = [tools.name('presence-a'), tools.name('orders')];
      await tools.subscriber(presence, { member: member('7') });
      await tools.subscriber(orders);
      const channels = await channelsOf(tools, [['info', 'user_count,subscription_count,constructor']]);
      same(
        [channels[presence], channels[orders]],
        [{ user_count: 1 }, { subscription_count: 1 }],
        'attributes',
      );
    },
  },
  {
    id: 'H78',
    rule: '8.6',
    title: 'filter_by_prefix is a plain prefix, no pattern',
    async run(tools) {
      const channel = tools.name('orders');
      await tools.subscriber(channel);
      for (const filter of ['.*', '*', '^orders', 'rders', '[o]', channel.toUpperCase(), `${channel}x`]) {
        same(
          Object.hasOwn(await channelsOf(tools, [['filter_by_prefix', filter]]), channel),
          false,
          `found by ${filter}`,
        );
      }
      same(await channelsOf(tools, [['filter_by_prefix', channel]]), { [channel]: {} }, 'found by its name');
    },
  },
  {
    id: 'H79',
    rule: '8.6',
    title: 'strict info: user_count without a presence prefix is refused with 400',
    needs: needs.strictInfo,
    async run(tools) {
      await tools.subscriber(tools.name('orders'));
      same((await tools.get('/channels', [['info', 'user_count']])).status, 400, 'status');
      const query = [
        ['info', 'user_count'],
        ['filter_by_prefix', 'presence-'],
      ] as const;
      same((await tools.get('/channels', query)).status, 200, 'status with the prefix');
    },
  },
];

const single: Case[] = [
  {
    id: 'H17',
    rule: '8.7',
    title: 'an unoccupied channel: 200 {"occupied":false}',
    run: async (tools) => same(await tools.channel(tools.name('orders')), { occupied: false }, 'body'),
  },
  {
    id: 'H80',
    rule: '8.7',
    title: 'an unoccupied channel with info: the counts that apply are 0',
    async run(tools) {
      const asked = 'user_count,subscription_count';
      same(
        await tools.channel(tools.name('orders'), asked),
        { occupied: false, subscription_count: 0 },
        'public',
      );
      same(
        await tools.channel(tools.name('presence-a'), asked),
        { occupied: false, user_count: 0 },
        'presence',
      );
    },
  },
  {
    id: 'H81',
    rule: '8.7',
    title: 'an occupied channel: the attributes that apply and were asked for',
    async run(tools) {
      const [presence, orders] = [tools.name('presence-a'), tools.name('orders')];
      for (const id of ['7', '7', '9']) await tools.subscriber(presence, { member: member(id) });
      for (let index = 0; index < 2; index += 1) await tools.subscriber(orders);
      const asked = 'user_count,subscription_count';
      same(await tools.channel(presence, asked), { occupied: true, user_count: 2 }, 'presence');
      same(await tools.channel(orders, asked), { occupied: true, subscription_count: 2 }, 'public');
      same(await tools.channel(orders), { occupied: true }, 'without info');
    },
  },
  {
    id: 'H18',
    rule: '8.7',
    title: 'info=cache: data of the cached event and the seconds until it expires',
    async run(tools) {
      const channel = tools.name('cache-x');
      await tools.publish('e', '{"n":1}', channel);
      const { cache, occupied } = (await tools.channel(channel, 'cache')) as {
        occupied: boolean;
        cache?: { data?: unknown; ttl?: unknown };
      };
      same([occupied, cache?.data], [false, '{"n":1}'], 'occupied and data');
      const ttl = cache?.ttl;
      holds(
        Number.isInteger(ttl) && Number(ttl) > 1_700 && Number(ttl) <= 1_800,
        'ttl',
        '1 700 to 1 800 s',
        ttl,
      );
    },
  },
  {
    id: 'H82',
    rule: '8.7',
    title: 'info=cache: null when nothing is cached, left out on other channels',
    async run(tools) {
      same(
        await tools.channel(tools.name('cache-x'), 'cache'),
        { occupied: false, cache: null },
        'an empty cache channel',
      );
      same(await tools.channel(tools.name('orders'), 'cache'), { occupied: false }, 'a public channel');
    },
  },
];

const usersAndConnections: Case[] = [
  {
    id: 'H19',
    rule: '8.8',
    title: 'users: each once, as strings, in order of joining',
    async run(tools) {
      const channel = tools.name('presence-a');
      for (const id of ['7', '9', '7']) await tools.subscriber(channel, { member: member(id) });
      const answer = await tools.get(`/channels/${channel}/users`);
      same([answer.status, answer.text], [200, '{"users":[{"id":"7"},{"id":"9"}]}'], 'the answer');
    },
  },
  {
    id: 'H20',
    rule: '8.8',
    title: 'users of a channel that is not presence: 400',
    async run(tools) {
      for (const base of ['orders', 'private-a', 'cache-x']) {
        const channel = tools.name(base);
        await tools.subscriber(channel);
        same((await tools.get(`/channels/${channel}/users`)).status, 400, `status for ${base}`);
      }
    },
  },
  {
    id: 'H83',
    rule: '8.8',
    title: 'users of an unoccupied presence channel: 200 with an empty list',
    async run(tools) {
      const answer = await tools.get(`/channels/${tools.name('presence-none')}/users`);
      same([answer.status, answer.text], [200, '{"users":[]}'], 'the answer');
    },
  },
  {
    id: 'H84',
    rule: '8.8',
    title: 'WAVEHALL_UNOCCUPIED_USERS_404 answers 404 for users of an unoccupied channel, as Reverb does',
    needs: needs.usersOfUnoccupied404,
    async run(tools) {
      same((await tools.get(`/channels/${tools.name('presence-none')}/users`)).status, 404, 'status');
    },
  },
  {
    id: 'H21',
    rule: '8.10',
    title: 'connections counts all established sockets, with and without channels',
    alone: true,
    async run(tools) {
      const count = async () =>
        ((await tools.get('/connections')).json as { connections?: number }).connections;
      await eventually(async () => (await count()) === 0, 'no connections at the start');
      for (let index = 0; index < 3; index += 1) await tools.subscriber(tools.name('orders'));
      const idle = await tools.connect();
      await tools.connect();
      same((await tools.get('/connections')).text, '{"connections":5}', 'body');
      await idle.close();
      await eventually(async () => (await count()) === 4, 'one connection less');
    },
  },
];

export const httpReads: Case[] = [...lists, ...single, ...usersAndConnections];
