import type { Frame, Wire } from '../../support/wire.ts';
import type { Case } from '../case.ts';
import { same } from '../expect.ts';
import { needs } from '../settings.ts';
import { SUCCEEDED } from '../case-tools.ts';
import type { CaseTools } from '../case-tools.ts';

const MALFORMED = 'Invalid message format';

/** Expects that each message gets exactly one error 4200, and that the socket stays open. */
const malformed = async (tools: CaseTools, messages: readonly unknown[]): Promise<void> => {
  const wire = await tools.connect();
  for (const message of messages) {
    wire.send(message);
    const frames = await wire.settle();
    same(frames.length, 1, `frames in answer to ${JSON.stringify(message)}`);
    tools.error(frames[0], 4200, MALFORMED);
  }
};

/** A ping of exactly so many bytes. */
export const pingOf = (bytes: number): string => {
  const empty = JSON.stringify({ event: 'pusher:ping', data: { pad: '' } });
  return JSON.stringify({ event: 'pusher:ping', data: { pad: 'x'.repeat(bytes - empty.length) } });
};

const sendInParts = (wire: Wire, text: string, parts: number): void => {
  const size = Math.ceil(text.length / parts);
  for (let part = 0; part < parts; part += 1) {
    wire.socket.send(text.slice(part * size, (part + 1) * size), { fin: part === parts - 1 });
  }
};

const tooLarge = { code: 1009, reason: 'Maximum message size exceeded' };

const formats: Case[] = [
  {
    id: 'C20',
    rule: '1.5',
    title: 'hello, [], no event and an unknown pusher: event each get error 4200',
    run: (tools) => malformed(tools, ['hello', '[]', { data: {} }, { event: 'pusher:what' }]),
  },
  {
    id: 'C51',
    rule: '1.5',
    title: 'JSON that is no object gets error 4200',
    run: (tools) =>
      malformed(tools, [
        'null',
        '1',
        '"text"',
        'true',
        '[{"event":"pusher:ping"}]',
        '',
        '{',
        '{"event":"x"}}',
      ]),
  },
  {
    id: 'C52',
    rule: '1.5',
    title: 'an event that is no string gets error 4200',
    run: (tools) =>
      malformed(tools, [{ event: 1 }, { event: null }, { event: {} }, { event: ['pusher:ping'] }, {}]),
  },
  {
    id: 'C53',
    rule: '1.5',
    title: 'a subscribe without a channel name gets error 4200',
    run: (tools) =>
      malformed(
        tools,
        [
          undefined,
          null,
          {},
          { auth: '' },
          { channel: 1 },
          { channel: null },
          { channel: ['orders'] },
          'x',
          '[]',
          7,
        ].map((data) => ({ event: 'pusher:subscribe', data })),
      ),
  },
  {
    id: 'C54',
    rule: '1.1',
    title: 'an event inside __proto__ or constructor is not read: error 4200',
    run: (tools) =>
      malformed(tools, ['{"__proto__":{"event":"pusher:ping"}}', '{"constructor":{"event":"pusher:ping"}}']),
  },
  {
    id: 'C21',
    rule: '1.6',
    title: 'an event that is no client event gets no answer',
    async run(tools) {
      const wire = await tools.connect();
      wire.send({ event: 'foo', channel: 'bar', data: {} });
      wire.send({ event: 'Client-x', channel: 'bar', data: {} });
      wire.send({ event: '__proto__', channel: '__proto__', data: {} });
      await tools.receivesNothing(wire);
    },
  },
  {
    id: 'C55',
    rule: '1.6',
    title: 'pusher_internal: events from a client get no answer and are not relayed',
    async run(tools) {
      const channel = tools.name('orders');
      const [sender, other] = [await tools.subscriber(channel), await tools.subscriber(channel)];
      for (const event of ['pusher_internal:member_added', SUCCEEDED])
        sender.send({ event, channel, data: '{}' });
      await tools.receivesNothing(sender, other);
    },
  },
  {
    id: 'C22',
    rule: '1.4',
    title: 'data may be a string holding JSON',
    async run(tools) {
      const wire = await tools.connect();
      const channel = tools.name('orders');
      wire.send({ event: 'pusher:subscribe', data: JSON.stringify({ channel }) });
      same(await wire.first(), { event: SUCCEEDED, data: '{}', channel }, 'the answer');
      wire.send({ event: 'pusher:unsubscribe', data: JSON.stringify({ channel }) });
      await tools.receivesNothing(wire);
      same(await tools.channel(channel), { occupied: false }, 'the channel after unsubscribing');
    },
  },
  {
    id: 'C56',
    rule: '1.7',
    overWebSocketOnly: true,
    title: 'a binary message of valid UTF-8 is read as text',
    async run(tools) {
      const wire = await tools.connect();
      wire.sendBinary(Buffer.from('{"event":"pusher:ping","data":{"é":"😀"}}'));
      same((await wire.first()).event, 'pusher:pong', 'the answer');
    },
  },
  {
    id: 'C57',
    rule: '1.7',
    overWebSocketOnly: true,
    title: 'a binary message that is no UTF-8 gets error 4200',
    async run(tools) {
      const wire = await tools.connect();
      wire.sendBinary(
        Buffer.concat([
          Buffer.from('{"event":"pusher:ping","data":"'),
          Buffer.from([0xff, 0xfe]),
          Buffer.from('"}'),
        ]),
      );
      const frames = await wire.settle();
      same(frames.length, 1, 'number of frames');
      tools.error(frames[0], 4200, MALFORMED);
    },
  },
  {
    id: 'C58',
    rule: '1.1',
    title: 'messages in one burst are answered one after another, in order',
    async run(tools) {
      const wire = await tools.connect();
      const channels = Array.from({ length: 10 }, (_, index) => tools.name(`burst-${index}`));
      for (const channel of channels) {
        wire.send({ event: 'pusher:subscribe', data: { channel } });
        wire.send('not json');
      }
      const frames = await wire.settle();
      const expected = channels.flatMap((channel) => [channel, 'pusher:error']);
      same(
        frames.map((frame) => (frame.event === SUCCEEDED ? frame.channel : frame.event)),
        expected,
        'the answers in order',
      );
    },
  },
];

const errorDataAsString: Case = {
  id: 'C65',
  rule: '1.3',
  title: 'a setting sends data of pusher:error as a string, as Reverb does',
  needs: needs.errorAsString,
  async run(tools) {
    const wire = await tools.connect();
    wire.send('hello');
    const data = JSON.stringify({ code: 4200, message: MALFORMED });
    same(await wire.first(), { event: 'pusher:error', data }, 'the answer');
  },
};

const sizes: Case[] = [
  {
    id: 'C18',
    rule: '2.11',
    title: 'a message of max_message_size + 1 bytes closes with 1009',
    async run(tools) {
      const wire = await tools.connect();
      wire.send(pingOf(10_001));
      const { frames, closing } = await wire.rest();
      same(frames, [], 'frames before the close');
      same(closing, tooLarge, 'the close');
    },
  },
  {
    id: 'C19',
    rule: '2.11',
    overWebSocketOnly: true,
    title: 'exactly max_message_size bytes in 3 fragments are processed',
    async run(tools) {
      const wire = await tools.connect();
      sendInParts(wire, pingOf(10_000), 3);
      same((await wire.first()).event, 'pusher:pong', 'the answer');
      wire.send(pingOf(10_000));
      same((await wire.first()).event, 'pusher:pong', 'the answer to one frame of that size');
    },
  },
  {
    id: 'C59',
    rule: '2.11',
    overWebSocketOnly: true,
    title: 'the size of a message is the sum of its fragments',
    async run(tools) {
      const wire = await tools.connect();
      sendInParts(wire, pingOf(10_001), 3);
      same(await wire.closing(), tooLarge, 'the close');
    },
  },
  {
    id: 'C60',
    rule: '2.11',
    title: 'the size counts bytes, not characters',
    async run(tools) {
      const wire = await tools.connect();
      wire.send(JSON.stringify({ event: 'pusher:ping', data: { pad: 'é'.repeat(4_900) } }));
      wire.send(JSON.stringify({ event: 'pusher:ping', data: { pad: 'é'.repeat(5_000) } }));
      same((await wire.first()).event, 'pusher:pong', 'the answer to the smaller one');
      same(await wire.closing(), tooLarge, 'the close after the larger one');
    },
  },
  {
    id: 'C61',
    rule: '2.11',
    title: 'a configured max_message_size is the limit',
    needs: needs.smallMessages,
    async run(tools) {
      const wire = await tools.connect();
      wire.send(pingOf(200));
      same((await wire.first()).event, 'pusher:pong', 'the answer to 200 bytes');
      wire.send(pingOf(201));
      same(await wire.closing(), tooLarge, 'the close after 201 bytes');
    },
  },
];

const subscribes = (tools: CaseTools, wire: Wire, count: number): void => {
  for (let index = 0; index < count; index += 1) tools.sendSubscribe(wire, tools.name(`rate-${index}`));
};

/** Expects that the sixth subscription was refused: with an error for its channel, and with the error that Reverb sends. */
const expectSixthRefused = (tools: CaseTools, frames: readonly Frame[]): void => {
  tools.error(frames.at(-1), 4301, 'Rate limit exceeded');
  const refusals = frames
    .slice(5, -1)
    .map(({ event, channel }) => [event, String(channel).startsWith('rate-5')]);
  tools.form('F2', refusals.length === 1, 'two frames for the sixth', frames.slice(5));
  if (refusals.length > 0)
    same(refusals, [['pusher:subscription_error', true]], 'the frame before the error');
};

const rates: Case[] = [
  {
    id: 'C23',
    rule: '2.12',
    title:
      'rate limiting 5 in 60 s: the sixth subscription is refused for its channel and gets error 4301, the socket stays open',
    needs: needs.rateLimited,
    async run(tools) {
      const wire = await tools.connect();
      subscribes(tools, wire, 6);
      const frames = await wire.settle();
      same(
        frames.slice(0, 5).map(({ event }) => event),
        Array.from({ length: 5 }, () => SUCCEEDED),
        'the first five',
      );
      expectSixthRefused(tools, frames);
    },
  },
  {
    id: 'C62',
    rule: '2.12',
    title: 'pings and pongs do not count for the rate limit',
    needs: needs.rateLimited,
    async run(tools) {
      const wire = await tools.connect();
      for (let index = 0; index < 10; index += 1) wire.send({ event: 'pusher:pong', data: {} });
      for (let index = 0; index < 10; index += 1) same(await wire.settle(), [], 'frames before a pong');
      subscribes(tools, wire, 5);
      same(
        (await wire.settle()).map(({ event }) => event),
        Array.from({ length: 5 }, () => SUCCEEDED),
        'the answers',
      );
    },
  },
  {
    id: 'C63',
    rule: '2.12',
    title: 'terminate_on_limit: the error is sent first, then close 4100',
    needs: needs.rateTerminated,
    async run(tools) {
      const wire = await tools.connect();
      subscribes(tools, wire, 6);
      const { frames, closing } = await wire.rest();
      expectSixthRefused(tools, frames);
      same(closing.code, 4100, 'close code');
    },
  },
];

const afterABurst: Case = {
  id: 'C64',
  rule: '2.8',
  title: 'a ping is answered also after a burst of 400 other messages',
  async run(tools) {
    const wire = await tools.connect();
    for (let index = 0; index < 400; index += 1) wire.send({ event: 'anything', channel: 'any' });
    wire.send({ event: 'pusher:ping', data: {} });
    same((await wire.next('pusher:pong')).event, 'pusher:pong', 'the answer');
  },
};

export const messages: Case[] = [...formats, ...sizes, ...rates, afterABurst, errorDataAsString];
