import type { Case } from '../case.ts';
import { same } from '../expect.ts';
import { needs, secondApp } from '../settings.ts';
import { member } from '../case-tools.ts';
import type { CaseTools } from '../case-tools.ts';

/** Two sockets on one private channel. */
const pair = async (tools: CaseTools, base = 'private-a') => {
  const channel = tools.name(base);
  return { channel, a: await tools.subscriber(channel), b: await tools.subscriber(channel) };
};

/** Expects that the sender receives exactly this error. */
const expectError = async (
  tools: CaseTools,
  sender: Awaited<ReturnType<CaseTools['connect']>>,
  code: number,
  message?: string,
) => {
  const frames = await sender.settle();
  same(frames.length, 1, 'frames to the sender');
  tools.error(frames[0], code, message);
};

const NOT_MEMBER = 'The client is not a member of the specified channel.';
const SWITCHED_OFF = 'The app does not have client messaging enabled.';

const relay: Case[] = [
  {
    id: 'W01',
    rule: '5.3',
    title: 'a client event reaches the other subscribers with the same data, the sender gets nothing',
    async run(tools) {
      const { channel, a, b } = await pair(tools);
      tools.clientEvent(a, channel, { n: 1 });
      await tools.receivesNothing(a);
      same(await b.settle(), [{ event: 'client-x', channel, data: { n: 1 } }], 'frames of the other socket');
    },
  },
  {
    id: 'W02',
    rule: '5.4',
    title: 'on a presence channel the server adds the user_id of the sender, and drops a forged one',
    async run(tools) {
      const channel = tools.name('presence-a');
      const a = await tools.subscriber(channel, { member: member('7') });
      const b = await tools.subscriber(channel, { member: member('9') });
      a.send({ event: 'client-x', channel, data: { n: 1 }, user_id: '999', socket_id: 'x', extra: true });
      await a.settle();
      same(
        await b.settle(),
        [{ event: 'client-x', channel, data: { n: 1 }, user_id: '7' }],
        'frames of the other socket',
      );
    },
  },
  {
    id: 'W10',
    rule: '5.3',
    title: 'unknown members of the frame are dropped, on private channels a user_id as well',
    async run(tools) {
      const { channel, a, b } = await pair(tools);
      a.send({ event: 'client-x', channel, data: {}, user_id: '1', socket_id: '1.1', name: 'x' });
      await tools.receivesNothing(a);
      same(await b.settle(), [{ event: 'client-x', channel, data: {} }], 'frames of the other socket');
    },
  },
  {
    id: 'W07',
    rule: '5.3',
    title: 'another socket of the same user receives the client event',
    async run(tools) {
      const channel = tools.name('presence-a');
      const first = await tools.subscriber(channel, { member: member('7') });
      const second = await tools.subscriber(channel, { member: member('7') });
      tools.clientEvent(first, channel, { n: 1 });
      await first.settle();
      same(await second.settle(), [{ event: 'client-x', channel, data: { n: 1 }, user_id: '7' }], 'frames');
    },
  },
  {
    id: 'W09',
    rule: '5.3',
    title: 'data that is a string is relayed as a string',
    async run(tools) {
      const { channel, a, b } = await pair(tools);
      tools.clientEvent(a, channel, 'abc');
      await tools.receivesNothing(a);
      same(await b.settle(), [{ event: 'client-x', channel, data: 'abc' }], 'frames of the other socket');
    },
  },
  {
    id: 'W11',
    rule: '5.3',
    title: 'a string holding JSON stays that string',
    async run(tools) {
      const { channel, a, b } = await pair(tools);
      tools.clientEvent(a, channel, '{"a": "\\/"}');
      await tools.receivesNothing(a);
      same(
        await b.settle(),
        [{ event: 'client-x', channel, data: '{"a": "\\/"}' }],
        'frames of the other socket',
      );
    },
  },
  {
    id: 'W12',
    rule: '5.3',
    title: 'objects, arrays and null are relayed',
    async run(tools) {
      const { channel, a, b } = await pair(tools);
      for (const data of [{ a: { b: [] } }, [1, 'é', { x: {} }], null, {}, []]) {
        tools.clientEvent(a, channel, data);
        await tools.receivesNothing(a);
        same(await b.settle(), [{ event: 'client-x', channel, data }], 'frames of the other socket');
      }
    },
  },
  {
    id: 'W13',
    rule: '5.3',
    title: 'numbers and booleans are relayed',
    async run(tools) {
      const { channel, a, b } = await pair(tools);
      for (const data of [7, 0, -1.5, true, false, '']) {
        tools.clientEvent(a, channel, data);
        await tools.receivesNothing(a);
        same(await b.settle(), [{ event: 'client-x', channel, data }], 'frames of the other socket');
      }
    },
  },
  {
    id: 'W14',
    rule: '5.3',
    title: 'absent data is relayed as null',
    async run(tools) {
      const { channel, a, b } = await pair(tools);
      a.send({ event: 'client-x', channel });
      await tools.receivesNothing(a);
      same(await b.settle(), [{ event: 'client-x', channel, data: null }], 'frames of the other socket');
    },
  },
  {
    id: 'W15',
    rule: '5.2',
    title: 'on a public channel client events are relayed by default (as Reverb)',
    async run(tools) {
      const { channel, a, b } = await pair(tools, 'orders');
      tools.clientEvent(a, channel, { n: 1 });
      await tools.receivesNothing(a);
      same(await b.settle(), [{ event: 'client-x', channel, data: { n: 1 } }], 'frames of the other socket');
    },
  },
  {
    id: 'W16',
    rule: '5.2',
    title: 'with WAVEHALL_CLIENT_EVENTS_ON_PUBLIC=false a client event on a public channel gets error 4301',
    needs: needs.noPublicClientEvents,
    async run(tools) {
      const { channel, a, b } = await pair(tools, 'orders');
      tools.clientEvent(a, channel, { n: 1 });
      await expectError(tools, a, 4301);
      await tools.receivesNothing(b);
    },
  },
  {
    id: 'W17',
    rule: '5.3',
    title: 'a client that has unsubscribed gets no client events and may send none',
    async run(tools) {
      const { channel, a, b } = await pair(tools);
      tools.unsubscribe(b, channel);
      await b.settle();
      tools.clientEvent(a, channel, { n: 1 });
      await tools.receivesNothing(a, b);
      tools.clientEvent(b, channel, { n: 1 });
      await expectError(tools, b, 4009, NOT_MEMBER);
      await tools.receivesNothing(a);
    },
  },
  {
    id: 'W18',
    rule: '5.3',
    title: 'an event whose name does not begin with client- is no client event',
    async run(tools) {
      const { channel, a, b } = await pair(tools);
      for (const event of ['client_x', 'clientx', 'Client-x', ' client-x'])
        tools.clientEvent(a, channel, { n: 1 }, event);
      await tools.receivesNothing(a, b);
    },
  },
  {
    id: 'W19',
    rule: '1.5',
    title: 'a client event without a channel gets error 4200',
    async run(tools) {
      const wire = await tools.connect();
      for (const channel of [undefined, null, 7, {}, ['private-a']]) {
        wire.send({ event: 'client-x', data: {}, channel });
        await expectError(tools, wire, 4200, 'Invalid message format');
      }
    },
  },
  {
    id: 'W20',
    rule: '5.3',
    title: 'hostile event names and data are relayed as plain text',
    async run(tools) {
      const { channel, a, b } = await pair(tools);
      const data = JSON.parse('{"__proto__":{"x":1},"constructor":1,"a":"\\u2028\\ud83d\\ude00"}') as unknown;
      for (const event of ['client-__proto__', 'client-"\\', 'client-é😀', 'client-']) {
        a.send(`{"event":${JSON.stringify(event)},"channel":"${channel}","data":${JSON.stringify(data)}}`);
        await tools.receivesNothing(a);
        same(await b.settle(), [{ event, channel, data }], `frames of the other socket for ${event}`);
      }
    },
  },
];

const rules: Case[] = [
  {
    id: 'W03',
    rule: '5.1',
    title: 'mode members: a sender that is not subscribed gets error 4009, nothing is delivered',
    async run(tools) {
      const channel = tools.name('private-a');
      const subscriber = await tools.subscriber(channel);
      const outsider = await tools.connect();
      tools.clientEvent(outsider, channel, { n: 1 });
      await expectError(tools, outsider, 4009, NOT_MEMBER);
      await tools.receivesNothing(subscriber);
    },
  },
  {
    id: 'W21',
    rule: '5.1',
    title: 'a client event on an unoccupied channel gets error 4009',
    async run(tools) {
      const outsider = await tools.connect();
      for (const channel of [tools.name('private-none'), tools.name('presence-none'), '__proto__']) {
        tools.clientEvent(outsider, channel, { n: 1 });
        await expectError(tools, outsider, 4009, NOT_MEMBER);
      }
    },
  },
  {
    id: 'W04',
    rule: '5.1',
    title: 'mode none: error 4301',
    needs: needs.clientEventsFromNone,
    async run(tools) {
      const { channel, a, b } = await pair(tools);
      tools.clientEvent(a, channel, { n: 1 });
      await expectError(tools, a, 4301, SWITCHED_OFF);
      await tools.receivesNothing(b);
    },
  },
  {
    id: 'W05',
    rule: '5.4',
    title: 'mode all: a client that is not subscribed may send, but a forged user_id is dropped',
    needs: needs.clientEventsFromAll,
    async run(tools) {
      const channel = tools.name('presence-a');
      const subscriber = await tools.subscriber(channel, { member: member('7') });
      const outsider = await tools.connect();
      outsider.send({ event: 'client-x', channel, data: { n: 1 }, user_id: '1' });
      await tools.receivesNothing(outsider);
      same(
        await subscriber.settle(),
        [{ event: 'client-x', channel, data: { n: 1 } }],
        'frames of the member',
      );
    },
  },
  {
    id: 'W22',
    rule: '5.1',
    title: 'mode all: a member still gets its verified user_id, extra members are dropped',
    needs: needs.clientEventsFromAll,
    async run(tools) {
      const channel = tools.name('presence-a');
      const a = await tools.subscriber(channel, { member: member('7') });
      const b = await tools.subscriber(channel, { member: member('9') });
      a.send({ event: 'client-x', channel, data: { n: 1 }, user_id: '1', extra: 1 });
      await a.settle();
      same(
        await b.settle(),
        [{ event: 'client-x', channel, data: { n: 1 }, user_id: '7' }],
        'frames of the other socket',
      );
    },
  },
  {
    id: 'W06',
    rule: '5.5',
    title: 'a hundred client events at once are all delivered, and none is refused',
    async run(tools) {
      const { channel, a, b } = await pair(tools);
      for (let n = 0; n < 100; n += 1) tools.clientEvent(a, channel, { n });
      await tools.receivesNothing(a);
      same(
        (await b.settle()).map(({ data }) => data),
        Array.from({ length: 100 }, (_, n) => ({ n })),
        'data delivered',
      );
    },
  },
  {
    id: 'W23',
    rule: '5.5',
    title: 'the rate of client events of an app can be set',
    needs: needs.fewClientEvents,
    async run(tools) {
      const { channel, a, b } = await pair(tools);
      // More than a slow client sends in a second: the bucket fills meanwhile.
      const beganMs = performance.now();
      for (let n = 0; n < 20; n += 1) tools.clientEvent(a, channel, { n });
      const refused = await a.settle();
      for (const frame of refused) tools.error(frame, 4301);
      const delivered = await b.settle();
      same(refused.length > 0, true, 'some are refused');
      same(refused.length + delivered.length, 20, 'events in all');
      const most = 3 + Math.floor((3 * (performance.now() - beganMs)) / 1000);
      const { length } = delivered;
      same(length >= 3 && length <= most, true, `${length} events delivered, of 3 to ${most}`);
    },
  },
  {
    id: 'W24',
    rule: '5.5',
    title: 'an event name of 200 characters is relayed, of 201 gets error 4301',
    async run(tools) {
      const { channel, a, b } = await pair(tools);
      tools.clientEvent(a, channel, { n: 1 }, 'client-'.padEnd(200, 'x'));
      await tools.receivesNothing(a);
      same((await b.settle()).length, 1, 'frames of the other socket');
      tools.clientEvent(a, channel, { n: 1 }, 'client-'.padEnd(201, 'x'));
      await expectError(tools, a, 4301);
      await tools.receivesNothing(b);
    },
  },
  {
    id: 'W25',
    rule: '5.2',
    title: 'client events on encrypted channels are refused',
    async run(tools) {
      const { channel, a, b } = await pair(tools, 'private-encrypted-a');
      tools.clientEvent(a, channel, { n: 1 });
      await expectError(tools, a, 4301);
      await tools.receivesNothing(b);
    },
  },
  {
    id: 'W08',
    rule: '5.3',
    title: 'two apps with a channel of the same name receive no events of each other',
    needs: secondApp.needs,
    async run(tools) {
      const other = tools.as(secondApp.app);
      const channel = tools.name('private-a');
      const [a, b] = [await tools.subscriber(channel), await tools.subscriber(channel)];
      const inOtherApp = await other.subscriber(channel);
      tools.clientEvent(a, channel, { n: 1 });
      await tools.receivesNothing(a);
      same((await b.settle()).length, 1, 'frames in the same app');
      await tools.receivesNothing(inOtherApp);
      await tools.publish('e', 'd', channel);
      await tools.receivesNothing(inOtherApp);
      same((await b.settle()).length, 1, 'frames in the same app');
      same(
        await other.channel(channel, 'subscription_count'),
        { occupied: true, subscription_count: 1 },
        'count',
      );
    },
  },
  {
    id: 'W26',
    rule: '5.4',
    title: 'a numeric user_id is sent as its string',
    async run(tools) {
      const channel = tools.name('presence-a');
      const a = await tools.subscriber(channel, { member: member(7) });
      const b = await tools.subscriber(channel, { member: member(9) });
      tools.clientEvent(a, channel, { n: 1 });
      await a.settle();
      same(
        await b.settle(),
        [{ event: 'client-x', channel, data: { n: 1 }, user_id: '7' }],
        'frames of the other socket',
      );
    },
  },
];

export const clientEvents: Case[] = [...relay, ...rules];
