import { eventually } from '../../support/wire.ts';
import { channelAuth, hmacHex } from '../../support/wire-http.ts';
import type { Case } from '../case.ts';
import { dataOf } from '../../support/wire.ts';
import { holds, same } from '../expect.ts';
import { APP, needs } from '../settings.ts';
import { member, SUCCEEDED } from '../case-tools.ts';
import type { CaseTools } from '../case-tools.ts';

/** Expects that subscribing to an invalid name gets one error frame, and that the socket stays open. */
const badName = async (tools: CaseTools, channel: string): Promise<void> => {
  const wire = await tools.connect();
  tools.sendSubscribe(wire, channel);
  const frames = await wire.settle();
  same(frames.length, 1, `frames in answer to channel ${JSON.stringify(channel).slice(0, 60)}`);
  same(frames[0]?.event, 'pusher:subscription_error', 'event');
  same(frames[0]?.channel, channel, 'channel');
  const detail = dataOf(frames[0]!) as { type?: unknown; status?: unknown; error?: unknown } | undefined;
  same(
    [detail?.type, detail?.status, typeof detail?.error],
    ['InvalidChannel', 400, 'string'],
    'type, status, error',
  );
};

/** Expects that subscribing with this `auth` is refused as unauthorised and leaves the channel unoccupied. */
const badAuth = async (
  tools: CaseTools,
  channel: string,
  auth: unknown,
  member?: object | string,
): Promise<void> => {
  const wire = await tools.connect();
  tools.sendSubscribe(wire, channel, { auth, ...(member !== undefined && { member }) });
  await tools.unauthorised(wire, channel);
  same(await tools.channel(channel), { occupied: false }, 'the channel afterwards');
};

const plain: Case[] = [
  {
    id: 'S01',
    rule: '3.3',
    title: 'a subscription to a public channel is answered with exactly one frame',
    async run(tools) {
      const wire = await tools.connect();
      const channel = tools.name('orders');
      wire.send({ event: 'pusher:subscribe', data: { channel, auth: '' } });
      same(await wire.first(), { event: SUCCEEDED, channel, data: '{}' }, 'the answer');
      await tools.receivesNothing(wire);
    },
  },
  {
    id: 'S30',
    rule: '3.5',
    title: 'auth and channel_data on a public channel are ignored',
    async run(tools) {
      const wire = await tools.connect();
      for (const [index, auth] of ['nonsense', 7, {}, null, 'a:b'].entries()) {
        const channel = tools.name(`orders-${index}`);
        wire.send({ event: 'pusher:subscribe', data: { channel, auth, channel_data: 'not json' } });
        same(
          await wire.first(),
          { event: SUCCEEDED, channel, data: '{}' },
          `answer with auth ${JSON.stringify(auth)}`,
        );
      }
    },
  },
  {
    id: 'S18',
    rule: '3.7',
    title: 'subscribing twice succeeds twice and counts once',
    async run(tools) {
      const channel = tools.name('orders');
      const wire = await tools.subscriber(channel);
      await tools.subscribe(wire, channel);
      same(
        await tools.channel(channel, 'subscription_count'),
        { occupied: true, subscription_count: 1 },
        'the channel',
      );
      await tools.publish('e', 'd', channel);
      same(await wire.settle(), [{ event: 'e', data: 'd', channel }], 'copies of one event');
      tools.unsubscribe(wire, channel);
      await tools.receivesNothing(wire);
      same(await tools.channel(channel), { occupied: false }, 'the channel after one unsubscribe');
    },
  },
  {
    id: 'S31',
    rule: '3.7',
    title: 'subscribing again checks the signature again, and an invalid one changes nothing',
    async run(tools) {
      const channel = tools.name('private-a');
      const wire = await tools.subscriber(channel);
      tools.sendSubscribe(wire, channel, { auth: `${tools.app.key}:${'0'.repeat(64)}` });
      await tools.unauthorised(wire, channel);
      await tools.publish('e', 'd', channel);
      same(await wire.settle(), [{ event: 'e', data: 'd', channel }], 'frames of the old subscription');
    },
  },
  {
    id: 'S19',
    rule: '3.8',
    title: 'unsubscribing an unknown channel gets no answer',
    async run(tools) {
      const wire = await tools.connect();
      for (const channel of [tools.name('never'), 'private-never', '__proto__', ''])
        tools.unsubscribe(wire, channel);
      await tools.receivesNothing(wire);
    },
  },
  {
    id: 'S20',
    rule: '3.8',
    title: 'after unsubscribing the socket gets no event and the channel is unoccupied',
    async run(tools) {
      const channel = tools.name('orders');
      const wire = await tools.subscriber(channel);
      tools.unsubscribe(wire, channel);
      await tools.receivesNothing(wire);
      await tools.publish('e', 'd', channel);
      await tools.receivesNothing(wire);
      const { json } = await tools.get('/channels');
      const { channels } = json as { channels: Record<string, unknown> };
      holds(!Object.hasOwn(channels, channel), 'GET channels', 'no such channel', channels[channel]);
    },
  },
  {
    id: 'S32',
    rule: '3.8',
    title: 'a client can unsubscribe and subscribe again',
    async run(tools) {
      const channel = tools.name('private-a');
      const wire = await tools.subscriber(channel);
      tools.unsubscribe(wire, channel);
      await tools.subscribe(wire, channel);
      await tools.publish('e', 'd', channel);
      same(await wire.settle(), [{ event: 'e', data: 'd', channel }], 'frames');
    },
  },
  {
    id: 'S33',
    rule: '3.11',
    title: 'a socket whose TCP connection is lost leaves every channel',
    async run(tools) {
      const channels = ['orders', 'private-a', 'cache-c'].map((base) => tools.name(base));
      const wire = await tools.connect();
      for (const channel of channels) await tools.subscribe(wire, channel);
      wire.drop();
      for (const channel of channels) {
        const gone = async () =>
          ((await tools.channel(channel)) as { occupied?: boolean }).occupied === false;
        await eventually(gone, `${channel} is vacated`);
      }
    },
  },
  {
    id: 'S34',
    rule: '3.13',
    title: 'a hundred events arrive once each and in order',
    async run(tools) {
      const channel = tools.name('orders');
      const wires = [await tools.subscriber(channel), await tools.subscriber(channel)];
      for (let index = 0; index < 100; index += 1) await tools.publish('n', String(index), channel);
      for (const wire of wires) {
        const got = (await wire.settle()).map(({ data }) => data);
        same(
          got,
          Array.from({ length: 100 }, (_, index) => String(index)),
          'data in order',
        );
      }
    },
  },
  {
    id: 'S35',
    rule: '3.12',
    title: 'a socket may hold a configured number of channels, the next is refused',
    needs: needs.fewSubscriptions,
    async run(tools) {
      const wire = await tools.connect();
      for (let index = 0; index < 3; index += 1) await tools.subscribe(wire, tools.name(`c${index}`));
      const channel = tools.name('c3');
      tools.sendSubscribe(wire, channel);
      const frames = await wire.settle();
      same(frames[0]?.event, 'pusher:subscription_error', 'event');
      same((dataOf(frames[0]!) as { type?: unknown }).type, 'LimitReached', 'type');
      same(await tools.channel(channel), { occupied: false }, 'the refused channel');
      tools.unsubscribe(wire, tools.name('c0'));
      await tools.subscribe(wire, channel);
    },
  },
];

const names: Case[] = [
  {
    id: 'S25',
    rule: '3.1',
    title: 'privateer, cachexyz and presenceful are public channels',
    async run(tools) {
      const wire = await tools.connect();
      for (const base of [
        'privateer',
        'cachexyz',
        'presenceful',
        'Private-a',
        'PRESENCE-a',
        'my-private-a',
        'private',
      ]) {
        const channel = tools.name(base).replace(/^(private)-/, '$1');
        wire.send({ event: 'pusher:subscribe', data: { channel } });
        same(await wire.settle(), [{ event: SUCCEEDED, channel, data: '{}' }], `answer for ${base}`);
      }
    },
  },
  {
    id: 'S27',
    rule: '3.2',
    title: 'a name of 201 characters, with a space, or beginning with # is refused, the socket stays open',
    async run(tools) {
      await badName(tools, 'x'.repeat(201));
      await badName(tools, 'two words');
      const wire = await tools.connect();
      tools.sendSubscribe(wire, '#foo');
      const frames = await wire.settle();
      same(frames[0]?.event, 'pusher:subscription_error', 'event of the first frame for #foo');
      same(frames[0]?.channel, '#foo', 'its channel');
    },
  },
  {
    id: 'S36',
    rule: '3.2',
    title: 'a name of all allowed characters, and one of 200 characters, are accepted',
    async run(tools) {
      const wire = await tools.connect();
      const start = tools.name('ABCxyz019_-=@,.;');
      for (const channel of [start, start.padEnd(200, 'x')]) {
        wire.send({ event: 'pusher:subscribe', data: { channel } });
        same(await wire.first(), { event: SUCCEEDED, channel, data: '{}' }, 'the answer');
      }
    },
  },
  {
    id: 'S37',
    rule: '3.2',
    title: 'every other character is refused',
    async run(tools) {
      const bad = [
        '',
        'a:b',
        'a/b',
        'a#b',
        '##a',
        'é',
        '😀',
        'a\n',
        '\na',
        'a\u0000',
        'a{b}',
        'a*',
        'a"b',
        'a\\b',
        'a%20b',
        '#',
      ];
      for (const channel of bad) await badName(tools, channel);
    },
  },
  {
    id: 'S38',
    rule: '3.2',
    title: 'names from the prototype chain are names like any other',
    async run(tools) {
      const wire = await tools.connect();
      for (const channel of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
        await tools.subscribe(wire, channel);
        await tools.publish('__proto__', 'd', channel);
        same(await wire.settle(), [{ event: '__proto__', data: 'd', channel }], `frames on ${channel}`);
        tools.unsubscribe(wire, channel);
        await tools.receivesNothing(wire);
        same(await tools.channel(channel), { occupied: false }, `${channel} afterwards`);
      }
    },
  },
  {
    id: 'S68',
    rule: '3.2',
    title: 'WAVEHALL_EXTRA_CHANNEL_CHARACTERS allows more characters in names, but not every one',
    needs: needs.extraCharacters,
    async run(tools) {
      const channel = tools.name('a:b/c d');
      const wire = await tools.subscriber(channel);
      await tools.publish('e', 'd', channel);
      same(await wire.settle(), [{ event: 'e', data: 'd', channel }], 'frames');
      for (const bad of ['a{b', 'a"b', 'a\nb', 'a!b']) await badName(tools, bad);
    },
  },
];

const signed: Case[] = [
  {
    id: 'S02',
    rule: '7.2',
    title: 'the digest of the published test vector is accepted (signed for the connected socket)',
    async run(tools) {
      const vector = '58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4';
      same(
        channelAuth(APP, '1234.1234', 'private-foobar'),
        `${APP.key}:${vector}`,
        'the signer of this suite',
      );
      const wire = await tools.connect();
      const auth = `${tools.app.key}:${hmacHex(tools.app.secret, `${wire.socketId}:private-foobar`)}`;
      wire.send({ event: 'pusher:subscribe', data: { channel: 'private-foobar', auth } });
      same(await wire.first(), { event: SUCCEEDED, channel: 'private-foobar', data: '{}' }, 'the answer');
    },
  },
  {
    id: 'S03',
    rule: '3.6',
    title: 'a wrong digest and a missing auth get both error frames and do not subscribe',
    async run(tools) {
      const channel = tools.name('private-a');
      await badAuth(tools, channel, `${tools.app.key}:${'a'.repeat(64)}`);
      await badAuth(tools, channel, null);
    },
  },
  {
    id: 'S04',
    rule: '3.5',
    title: 'a digest made for another socket is refused',
    async run(tools) {
      const other = await tools.connect();
      const channel = tools.name('private-a');
      await badAuth(tools, channel, channelAuth(tools.app, other.socketId, channel));
    },
  },
  {
    id: 'S05',
    rule: '7.1',
    title: 'a digest in upper case, shortened, lengthened or padded is refused',
    async run(tools) {
      const channel = tools.name('private-a');
      const changes = [
        (hex: string) => hex.toUpperCase(),
        (hex: string) => hex.slice(0, -1),
        (hex: string) => hex.slice(0, 32),
        (hex: string) => `${hex}0`,
        (hex: string) => ` ${hex}`,
        (hex: string) => `${hex}\n`,
        () => '',
      ];
      for (const change of changes) {
        const wire = await tools.connect();
        const hex = hmacHex(tools.app.secret, `${wire.socketId}:${channel}`);
        tools.sendSubscribe(wire, channel, { auth: `${tools.app.key}:${change(hex)}` });
        await tools.unauthorised(wire, channel);
      }
    },
  },
  {
    id: 'S39',
    rule: '3.5',
    title: 'an auth that is no string is refused',
    async run(tools) {
      for (const auth of [7, {}, [], true]) await badAuth(tools, tools.name('private-a'), auth);
    },
  },
  {
    id: 'S40',
    rule: '3.5',
    title: 'a digest made for another channel or secret is refused',
    async run(tools) {
      const channel = tools.name('private-a');
      const wire = await tools.connect();
      const foreign = [
        channelAuth(tools.app, wire.socketId, `${channel}x`),
        channelAuth({ ...tools.app, secret: 'other' }, wire.socketId, channel),
        channelAuth(tools.app, wire.socketId, channel, '{}'),
      ];
      for (const auth of foreign) {
        tools.sendSubscribe(wire, channel, { auth });
        await tools.unauthorised(wire, channel);
      }
    },
  },
  {
    id: 'S41',
    rule: '3.5',
    title: 'the key part of auth may be another key (lenient, as Reverb)',
    async run(tools) {
      const wire = await tools.connect();
      const channel = tools.name('private-a');
      await tools.subscribe(wire, channel, {
        auth: channelAuth({ ...tools.app, key: 'other-key' }, wire.socketId, channel),
      });
    },
  },
  {
    id: 'S42',
    rule: '3.5',
    title: 'with WAVEHALL_STRICT_AUTH_KEY another key in auth is refused',
    needs: needs.strictAuthKey,
    async run(tools) {
      const wire = await tools.connect();
      const channel = tools.name('private-a');
      tools.sendSubscribe(wire, channel, {
        auth: channelAuth({ ...tools.app, key: 'other-key' }, wire.socketId, channel),
      });
      await tools.unauthorised(wire, channel);
      await tools.subscribe(wire, channel);
    },
  },
  {
    id: 'S43',
    rule: '7.2',
    title: 'channel_data on a private channel is signed when it is a non-empty string',
    async run(tools) {
      const wire = await tools.connect();
      const channel = tools.name('private-a');
      await tools.subscribe(wire, channel, { member: '{"x":1}' });
      tools.sendSubscribe(wire, channel, {
        member: '{"x":1}',
        auth: channelAuth(tools.app, wire.socketId, channel),
      });
      await tools.unauthorised(wire, channel);
      await tools.subscribe(wire, channel, {
        member: '',
        auth: channelAuth(tools.app, wire.socketId, channel),
      });
    },
  },
  {
    id: 'S44',
    rule: '7.7',
    title: 'an encrypted channel needs a signature and delivers ciphertext unchanged',
    async run(tools) {
      const channel = tools.name('private-encrypted-a');
      await badAuth(tools, channel, '');
      const wire = await tools.subscriber(channel);
      const data = '{"nonce":"AAAA+/==","ciphertext":"q83vEjRWeJA/+w=="}';
      await tools.publish('secret', data, channel);
      same(await wire.settle(), [{ event: 'secret', data, channel }], 'frames');
    },
  },
];

const counts: Case[] = [
  {
    id: 'S28',
    rule: '3.9',
    title:
      'subscription_count is sent to all subscribers, the new one included, but not on presence channels',
    needs: needs.subscriptionCounts,
    async run(tools) {
      const channel = tools.name('orders');
      const count = (value: number) => ({
        event: 'pusher_internal:subscription_count',
        data: JSON.stringify({ subscription_count: value }),
        channel,
      });
      const succeeded = { event: SUCCEEDED, data: '{}', channel };
      const first = await tools.connect();
      tools.sendSubscribe(first, channel);
      same([await first.first(), await first.first()], [succeeded, count(1)], 'frames of the first');
      const second = await tools.connect();
      tools.sendSubscribe(second, channel);
      same([await second.first(), await second.first()], [succeeded, count(2)], 'frames of the second');
      same(await first.first(), count(2), 'news to the first');
      const presence = tools.name('presence-a');
      await tools.subscribe(first, presence, { member: member('1') });
      tools.unsubscribe(second, channel);
      same(await first.first(), count(1), 'the next news to the first');
      await tools.receivesNothing(first, second);
    },
  },
  {
    id: 'S45',
    rule: '3.9',
    title: 'by default there is no subscription_count',
    async run(tools) {
      const channel = tools.name('orders');
      const first = await tools.subscriber(channel);
      const second = await tools.subscriber(channel);
      await tools.receivesNothing(first, second);
    },
  },
];

export const subscribe: Case[] = [...plain, ...names, ...signed, ...counts];
