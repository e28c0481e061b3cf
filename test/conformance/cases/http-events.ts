import type { Answer } from '../../support/wire-http.ts';
import type { Case } from '../case.ts';
import { holds, same } from '../expect.ts';
import { needs } from '../settings.ts';
import { member } from '../case-tools.ts';
import type { CaseTools } from '../case-tools.ts';

const is = (answer: Answer, status: number, json?: unknown): void => {
  same(answer.status, status, `status (${answer.text.slice(0, 120)})`);
  if (json !== undefined) same(answer.json, json, 'body');
};

const post = (tools: CaseTools, body: unknown) => tools.publisher.post('/events', body);
const postBatch = (tools: CaseTools, batch: unknown) => tools.publisher.post('/batch_events', { batch });

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

const delivery: Case[] = [
  {
    id: 'H09',
    rule: '8.4',
    title: 'socket_id excludes that socket; an unknown one excludes none',
    async run(tools) {
      const channel = tools.name('orders');
      const [a, b] = [await tools.subscriber(channel), await tools.subscriber(channel)];
      await tools.publish('e', '1', channel, { socket_id: a.socketId });
      await tools.receivesNothing(a);
      same(await b.settle(), [{ event: 'e', data: '1', channel }], 'frames of the other socket');
      await tools.publish('e', '2', channel, { socket_id: '1.1' });
      for (const wire of [a, b]) same((await wire.settle()).length, 1, 'frames with an unknown socket_id');
    },
  },
  {
    id: 'H10',
    rule: '3.13',
    title: 'a socket on two listed channels gets two frames',
    async run(tools) {
      const channels = [tools.name('c1'), tools.name('c2')];
      const wire = await tools.connect();
      for (const channel of channels) await tools.subscribe(wire, channel);
      same((await tools.publish('e', 'd', channels)).text, '{}', 'body');
      same(
        await wire.settle(),
        channels.map((channel) => ({ event: 'e', data: 'd', channel })),
        'frames',
      );
    },
  },
  {
    id: 'H51',
    rule: '8.4',
    title: 'a channel listed twice gets the event once',
    async run(tools) {
      const channel = tools.name('orders');
      const wire = await tools.subscriber(channel);
      await tools.publish('e', 'd', [channel, channel]);
      same((await wire.settle()).length, 1, 'frames');
    },
  },
  {
    id: 'H52',
    rule: '8.4',
    title: 'when channels and channel are given, channels is used',
    async run(tools) {
      const [listed, single] = [tools.name('listed'), tools.name('single')];
      const [a, b] = [await tools.subscriber(listed), await tools.subscriber(single)];
      is(await post(tools, { name: 'e', data: 'd', channels: [listed], channel: single }), 200, {});
      same((await a.settle()).length, 1, 'frames on the listed channel');
      await tools.receivesNothing(b);
    },
  },
  {
    id: 'H53',
    rule: '3.13',
    title: 'data arrives as exactly the string that was published',
    async run(tools) {
      const channel = tools.name('orders');
      const wire = await tools.subscriber(channel);
      const texts = [
        'plain',
        ' {"a" : 1} ',
        '{"url":"https:\\/\\/a"}',
        '"quoted"',
        'null',
        '0',
        'é😀\u2028\u0000\n',
        '\\',
        '[]',
        '{}',
      ];
      for (const data of texts) {
        await tools.publish('e', data, channel);
        same(await wire.settle(), [{ event: 'e', data, channel }], 'frames');
      }
    },
  },
  {
    id: 'H24',
    rule: '3.13',
    title: 'event names of Laravel: backslashes are kept, the sender is excluded',
    async run(tools) {
      const channel = tools.name('private-orders.7');
      const [sender, other] = [await tools.subscriber(channel), await tools.subscriber(channel)];
      const body = {
        name: 'App\\Events\\E',
        channels: [channel],
        data: '{"socket":null}',
        socket_id: sender.socketId,
      };
      is(await post(tools, body), 200, {});
      await tools.receivesNothing(sender);
      same(
        await other.settle(),
        [{ event: 'App\\Events\\E', data: '{"socket":null}', channel }],
        'frames of the other socket',
      );
    },
  },
  {
    id: 'H54',
    rule: '3.13',
    title: 'event names may contain any character',
    async run(tools) {
      const channel = tools.name('orders');
      const wire = await tools.subscriber(channel);
      for (const event of ['.custom', 'é😀', '"', 'a b', '__proto__', '0', 'a/b:c']) {
        await tools.publish(event, 'd', channel);
        same(await wire.settle(), [{ event, data: 'd', channel }], 'frames');
      }
    },
  },
  {
    id: 'H55',
    rule: '8.4',
    title: 'publishing to a channel without subscribers answers 200 {}',
    run: async (tools) =>
      is(await post(tools, { name: 'e', data: 'd', channel: tools.name('empty') }), 200, {}),
  },
  {
    id: 'H56',
    rule: '8.4',
    title: 'unknown fields are ignored',
    async run(tools) {
      const channel = tools.name('orders');
      const wire = await tools.subscriber(channel);
      const body = { name: 'e', data: 'd', channel, user_id: '1', event: 'x', tags: {}, constructor: 1 };
      is(await post(tools, body), 200, {});
      same(await wire.settle(), [{ event: 'e', data: 'd', channel }], 'frames');
    },
  },
];

const refusals: Case[] = [
  {
    id: 'H06',
    rule: '8.4',
    title: 'a missing name: 422 with its message',
    run: async (tools) =>
      is(await post(tools, { data: 'd', channel: 'orders' }), 422, { name: ['The name field is required.'] }),
  },
  {
    id: 'H57',
    rule: '8.4',
    title: 'a name that is no string: 422',
    run: async (tools) =>
      is(await post(tools, { name: 7, data: 'd', channel: 'orders' }), 422, {
        name: ['The name field must be a string.'],
      }),
  },
  {
    id: 'H58',
    rule: '8.4',
    title: 'no channel and no channels: 422 with both messages',
    run: async (tools) =>
      is(await post(tools, { name: 'e', data: 'd' }), 422, {
        channels: ['The channels field is required when channel is not present.'],
        channel: ['The channel field is required when channels is not present.'],
      }),
  },
  {
    id: 'H59',
    rule: '8.4',
    title: 'channels that is no list: 422',
    run: async (tools) =>
      is(await post(tools, { name: 'e', data: 'd', channels: 'orders' }), 422, {
        channels: ['The channels field must be an array.'],
      }),
  },
  {
    id: 'H60',
    rule: '8.4',
    title: 'missing data: 422',
    run: async (tools) =>
      is(await post(tools, { name: 'e', channel: 'orders' }), 422, { data: ['The data field is required.'] }),
  },
  {
    id: 'H61',
    rule: '8.4',
    title: 'all missing fields are named at once',
    async run(tools) {
      const answer = await post(tools, {});
      same(answer.status, 422, 'status');
      same(Object.keys(answer.json as object).sort(), ['channel', 'channels', 'data', 'name'], 'fields');
    },
  },
  {
    id: 'H62',
    rule: '8.4',
    title:
      'channel names, a socket_id or an info that are no strings: refused with 4xx, nothing is delivered',
    async run(tools) {
      const channel = tools.name('orders');
      const wire = await tools.subscriber(channel);
      const event = { name: 'e', data: 'd', channel };
      for (const body of [
        { ...event, channel: undefined, channels: [channel, 7] },
        { ...event, channel: undefined, channels: [channel, null] },
        { ...event, channel: { channel } },
        { ...event, socket_id: 7 },
        { ...event, info: ['user_count'] },
      ]) {
        const { status } = await post(tools, body);
        holds(status >= 400 && status < 500, `status for ${JSON.stringify(body)}`, 'a 4xx', status);
      }
      await tools.receivesNothing(wire);
    },
  },
  {
    id: 'H63',
    rule: '8.12',
    title: 'a name of 200 characters is accepted, of 201 refused with 400',
    async run(tools) {
      is(await post(tools, { name: 'x'.repeat(200), data: 'd', channel: tools.name('orders') }), 200, {});
      is(await post(tools, { name: 'x'.repeat(201), data: 'd', channel: tools.name('orders') }), 400);
    },
  },
  {
    id: 'H11',
    rule: '8.12',
    title: '100 channels are accepted, 101 refused with 400',
    async run(tools) {
      const channels = range(101).map((index) => tools.name(`c${index}`));
      is(await post(tools, { name: 'e', data: 'd', channels: channels.slice(1) }), 200, {});
      is(await post(tools, { name: 'e', data: 'd', channels }), 400);
    },
  },
  {
    id: 'H64',
    rule: '8.4',
    title: 'no channel in the list: 4xx',
    async run(tools) {
      const { status } = await post(tools, { name: 'e', data: 'd', channels: [] });
      holds(status === 422 || status === 400, 'status', '422 or 400', status);
    },
  },
  {
    id: 'H65',
    rule: '8.4',
    title: 'an invalid channel name: 400, and no channel of the list gets the event',
    async run(tools) {
      const channel = tools.name('orders');
      const wire = await tools.subscriber(channel);
      for (const bad of ['two words', 'a:b', 'x'.repeat(201), '', 'é', 'a\n']) {
        is(await post(tools, { name: 'e', data: 'd', channels: [channel, bad] }), 400);
      }
      await tools.receivesNothing(wire);
    },
  },
  {
    id: 'H66',
    rule: '8.12',
    title: 'data of 10 240 bytes is accepted, of 10 241 refused with 413',
    async run(tools) {
      const channel = tools.name('orders');
      is(await post(tools, { name: 'e', data: 'x'.repeat(10_240), channel }), 200, {});
      is(await post(tools, { name: 'e', data: 'x'.repeat(10_241), channel }), 413);
      is(await post(tools, { name: 'e', data: 'é'.repeat(5_121), channel }), 413);
    },
  },
];

const batches: Case[] = [
  {
    id: 'H14',
    rule: '8.5',
    title: 'a batch without info answers {} and keeps the order',
    async run(tools) {
      const channel = tools.name('orders');
      const wire = await tools.subscriber(channel);
      const batch = range(10).map((n) => ({ name: `e${n}`, data: String(n), channel }));
      const answer = await postBatch(tools, batch);
      same([answer.status, answer.text], [200, '{}'], 'the answer');
      same(
        await wire.settle(),
        range(10).map((n) => ({ event: `e${n}`, data: String(n), channel })),
        'frames',
      );
    },
  },
  {
    id: 'H13',
    rule: '8.5',
    title: 'a batch with info answers one object for each event',
    async run(tools) {
      const channel = tools.name('orders');
      await tools.subscriber(channel);
      const event = { name: 'e', data: 'd', channel };
      is(await postBatch(tools, [event, { ...event, info: 'subscription_count' }]), 200, {
        batch: [{}, { subscription_count: 1 }],
      });
    },
  },
  {
    id: 'H67',
    rule: '8.5',
    title: 'an invalid event refuses the whole batch with 422, nothing is sent',
    async run(tools) {
      const channel = tools.name('orders');
      const wire = await tools.subscriber(channel);
      const event = { name: 'e', data: 'd', channel };
      const answer = await postBatch(tools, [event, { data: 'd', channel }]);
      same(answer.status, 422, 'status');
      same(Object.keys(answer.json as object), ['batch.1.name'], 'fields');
      await tools.receivesNothing(wire);
    },
  },
  {
    id: 'H68',
    rule: '8.5',
    title: 'a missing batch, or one that is no list: 422',
    async run(tools) {
      for (const body of [{}, { batch: 'x' }, { batch: null }]) {
        const answer = await tools.publisher.post('/batch_events', body);
        same(answer.status, 422, `status for ${JSON.stringify(body)}`);
        same(Object.keys(answer.json as object), ['batch'], 'fields');
      }
    },
  },
  {
    id: 'H69',
    rule: '8.12',
    title: '10 events are accepted, 11 refused with 400 and nothing is sent',
    async run(tools) {
      const channel = tools.name('orders');
      const wire = await tools.subscriber(channel);
      const batch = range(11).map((n) => ({ name: 'e', data: String(n), channel }));
      is(await postBatch(tools, batch), 400);
      await tools.receivesNothing(wire);
    },
  },
  {
    id: 'H70',
    rule: '8.12',
    title: 'the limit of a batch can be removed by a setting',
    needs: needs.anyBatch,
    async run(tools) {
      const channel = tools.name('orders');
      const wire = await tools.subscriber(channel);
      is(
        await postBatch(
          tools,
          range(50).map((n) => ({ name: 'e', data: String(n), channel })),
        ),
        200,
        {},
      );
      same((await wire.settle()).length, 50, 'frames');
    },
  },
  {
    id: 'H71',
    rule: '8.5',
    title: 'each event of a batch excludes its own socket',
    async run(tools) {
      const channel = tools.name('orders');
      const [a, b] = [await tools.subscriber(channel), await tools.subscriber(channel)];
      const event = { name: 'e', channel };
      is(
        await postBatch(tools, [
          { ...event, data: '1', socket_id: a.socketId },
          { ...event, data: '2', socket_id: b.socketId },
          { ...event, data: '3' },
        ]),
        200,
      );
      same(
        (await a.settle()).map(({ data }) => data),
        ['2', '3'],
        'data at the first',
      );
      same(
        (await b.settle()).map(({ data }) => data),
        ['1', '3'],
        'data at the second',
      );
    },
  },
  {
    id: 'H72',
    rule: '3.10',
    title: 'events of a batch are cached on cache channels',
    async run(tools) {
      const channel = tools.name('cache-x');
      is(
        await postBatch(
          tools,
          [1, 2].map((n) => ({ name: 'e', data: String(n), channel })),
        ),
        200,
      );
      const wire = await tools.subscriber(channel);
      same(await wire.settle(), [{ event: 'e', data: '2', channel }], 'frames after success');
    },
  },
];

/** A presence channel with user 7 on two sockets and user 9, and a public channel with three sockets. */
const crowd = async (tools: CaseTools) => {
  const [presence, orders] = [tools.name('presence-a'), tools.name('orders')];
  for (const id of ['7', '7', '9']) await tools.subscriber(presence, { member: member(id) });
  for (let socket = 0; socket < 3; socket += 1) await tools.subscriber(orders);
  return { presence, orders };
};

const info: Case[] = [
  {
    id: 'H12',
    rule: '8.4',
    title: 'info of a publish: users of presence channels, sockets of other channels',
    async run(tools) {
      const { presence, orders } = await crowd(tools);
      const answer = await tools.publish('e', 'd', [presence, orders], {
        info: 'user_count,subscription_count',
      });
      same(
        answer.json,
        { channels: { [presence]: { user_count: 2 }, [orders]: { subscription_count: 3 } } },
        'body',
      );
    },
  },
  {
    id: 'H73',
    rule: '8.4',
    title: 'info of unoccupied channels: the counts that apply are 0',
    async run(tools) {
      const [presence, orders] = [tools.name('presence-none'), tools.name('none')];
      const answer = await tools.publish('e', 'd', [presence, orders], {
        info: 'user_count,subscription_count',
      });
      same(
        answer.json,
        { channels: { [presence]: { user_count: 0 }, [orders]: { subscription_count: 0 } } },
        'body',
      );
    },
  },
  {
    id: 'H74',
    rule: '8.4',
    title: 'an info name that does not apply or is unknown leaves an empty object',
    async run(tools) {
      const channel = tools.name('orders');
      await tools.subscriber(channel);
      for (const wanted of ['user_count', 'nothing', 'constructor', '__proto__,toString']) {
        const answer = await tools.publish('e', 'd', channel, { info: wanted });
        same(answer.json, { channels: { [channel]: {} } }, `body with info=${wanted}`);
      }
    },
  },
  {
    id: 'H75',
    rule: '8.4',
    title: 'a channel named __proto__ is a key of the answer like any other',
    async run(tools) {
      const answer = await tools.publish('e', 'd', ['__proto__', tools.name('orders')], {
        info: 'subscription_count',
      });
      same(Object.keys((answer.json as { channels: object }).channels).length, 2, 'channels in the answer');
    },
  },
];

export const httpEvents: Case[] = [...delivery, ...refusals, ...batches, ...info];
