import { eventually } from '../../support/wire.ts';
import { channelAuth, hmacHex } from '../../support/wire-http.ts';
import type { Case } from '../case.ts';
import { dataOf } from '../../support/wire.ts';
import { holds, same } from '../expect.ts';
import { APP, needs } from '../settings.ts';
import { member, SUCCEEDED } from '../site.ts';
import type { Site } from '../site.ts';

/** The subscription of a name is refused for its form: one frame, and the socket stays. */
const badName = async (site: Site, channel: string): Promise<void> => {
  const wire = await site.connect();
  site.ask(wire, channel);
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

/** Subscribing with this `auth` fails as unauthorised and leaves nothing behind. */
const badAuth = async (
  site: Site,
  channel: string,
  auth: unknown,
  member?: object | string,
): Promise<void> => {
  const wire = await site.connect();
  site.ask(wire, channel, { auth, ...(member !== undefined && { member }) });
  await site.unauthorised(wire, channel);
  same(await site.channel(channel), { occupied: false }, 'the channel afterwards');
};

const plain: Case[] = [
  {
    id: 'S01',
    rule: '3.3',
    title: 'a subscription to a public channel is answered with exactly one frame',
    async run(site) {
      const wire = await site.connect();
      const channel = site.name('orders');
      wire.send({ event: 'pusher:subscribe', data: { channel, auth: '' } });
      same(await wire.first(), { event: SUCCEEDED, channel, data: '{}' }, 'the answer');
      await site.silent(wire);
    },
  },
  {
    id: 'S30',
    rule: '3.5',
    title: 'auth and channel_data on a public channel are ignored',
    async run(site) {
      const wire = await site.connect();
      for (const [index, auth] of ['nonsense', 7, {}, null, 'a:b'].entries()) {
        const channel = site.name(`orders-${index}`);
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
    async run(site) {
      const channel = site.name('orders');
      const wire = await site.subscriber(channel);
      await site.subscribe(wire, channel);
      same(
        await site.channel(channel, 'subscription_count'),
        { occupied: true, subscription_count: 1 },
        'the channel',
      );
      await site.publish('e', 'd', channel);
      same(await wire.settle(), [{ event: 'e', data: 'd', channel }], 'copies of one event');
      site.unsubscribe(wire, channel);
      await site.silent(wire);
      same(await site.channel(channel), { occupied: false }, 'the channel after one unsubscribe');
    },
  },
  {
    id: 'S31',
    rule: '3.7',
    title: 'subscribing again checks the signature again, and a bad one changes nothing',
    async run(site) {
      const channel = site.name('private-a');
      const wire = await site.subscriber(channel);
      site.ask(wire, channel, { auth: `${site.app.key}:${'0'.repeat(64)}` });
      await site.unauthorised(wire, channel);
      await site.publish('e', 'd', channel);
      same(await wire.settle(), [{ event: 'e', data: 'd', channel }], 'frames of the old subscription');
    },
  },
  {
    id: 'S19',
    rule: '3.8',
    title: 'unsubscribing an unknown channel gets no answer',
    async run(site) {
      const wire = await site.connect();
      for (const channel of [site.name('never'), 'private-never', '__proto__', ''])
        site.unsubscribe(wire, channel);
      await site.silent(wire);
    },
  },
  {
    id: 'S20',
    rule: '3.8',
    title: 'after unsubscribing no event comes and the channel is gone',
    async run(site) {
      const channel = site.name('orders');
      const wire = await site.subscriber(channel);
      site.unsubscribe(wire, channel);
      await site.silent(wire);
      await site.publish('e', 'd', channel);
      await site.silent(wire);
      const { json } = await site.get('/channels');
      const { channels } = json as { channels: Record<string, unknown> };
      holds(!Object.hasOwn(channels, channel), 'GET channels', 'no such channel', channels[channel]);
    },
  },
  {
    id: 'S32',
    rule: '3.8',
    title: 'a client can unsubscribe and subscribe again',
    async run(site) {
      const channel = site.name('private-a');
      const wire = await site.subscriber(channel);
      site.unsubscribe(wire, channel);
      await site.subscribe(wire, channel);
      await site.publish('e', 'd', channel);
      same(await wire.settle(), [{ event: 'e', data: 'd', channel }], 'frames');
    },
  },
  {
    id: 'S33',
    rule: '3.11',
    title: 'a dropped TCP connection leaves every channel',
    async run(site) {
      const channels = ['orders', 'private-a', 'cache-c'].map((base) => site.name(base));
      const wire = await site.connect();
      for (const channel of channels) await site.subscribe(wire, channel);
      wire.drop();
      for (const channel of channels) {
        const gone = async () => ((await site.channel(channel)) as { occupied?: boolean }).occupied === false;
        await eventually(gone, `${channel} is vacated`);
      }
    },
  },
  {
    id: 'S34',
    rule: '3.13',
    title: 'a hundred events arrive once each and in order',
    async run(site) {
      const channel = site.name('orders');
      const wires = [await site.subscriber(channel), await site.subscriber(channel)];
      for (let index = 0; index < 100; index += 1) await site.publish('n', String(index), channel);
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
    async run(site) {
      const wire = await site.connect();
      for (let index = 0; index < 3; index += 1) await site.subscribe(wire, site.name(`c${index}`));
      const channel = site.name('c3');
      site.ask(wire, channel);
      const frames = await wire.settle();
      same(frames[0]?.event, 'pusher:subscription_error', 'event');
      same((dataOf(frames[0]!) as { type?: unknown }).type, 'LimitReached', 'type');
      same(await site.channel(channel), { occupied: false }, 'the refused channel');
      site.unsubscribe(wire, site.name('c0'));
      await site.subscribe(wire, channel);
    },
  },
];

const names: Case[] = [
  {
    id: 'S25',
    rule: '3.1',
    title: 'privateer, cachexyz and presenceful are public channels',
    async run(site) {
      const wire = await site.connect();
      for (const base of [
        'privateer',
        'cachexyz',
        'presenceful',
        'Private-a',
        'PRESENCE-a',
        'my-private-a',
        'private',
      ]) {
        const channel = site.name(base).replace(/^(private)-/, '$1');
        wire.send({ event: 'pusher:subscribe', data: { channel } });
        same(await wire.settle(), [{ event: SUCCEEDED, channel, data: '{}' }], `answer for ${base}`);
      }
    },
  },
  {
    id: 'S27',
    rule: '3.2',
    title: 'a name of 201 characters, with a space, or beginning with # is refused, the socket stays',
    async run(site) {
      await badName(site, 'x'.repeat(201));
      await badName(site, 'two words');
      const wire = await site.connect();
      site.ask(wire, '#foo');
      const frames = await wire.settle();
      same(frames[0]?.event, 'pusher:subscription_error', 'event of the first frame for #foo');
      same(frames[0]?.channel, '#foo', 'its channel');
    },
  },
  {
    id: 'S36',
    rule: '3.2',
    title: 'all legal characters and 200 of them are accepted',
    async run(site) {
      const wire = await site.connect();
      const start = site.name('ABCxyz019_-=@,.;');
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
    async run(site) {
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
      for (const channel of bad) await badName(site, channel);
    },
  },
  {
    id: 'S38',
    rule: '3.2',
    title: 'names from the prototype chain are names like any other',
    async run(site) {
      const wire = await site.connect();
      for (const channel of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
        await site.subscribe(wire, channel);
        await site.publish('__proto__', 'd', channel);
        same(await wire.settle(), [{ event: '__proto__', data: 'd', channel }], `frames on ${channel}`);
        site.unsubscribe(wire, channel);
        await site.silent(wire);
        same(await site.channel(channel), { occupied: false }, `${channel} afterwards`);
      }
    },
  },
  {
    id: 'S68',
    rule: '3.2',
    title: 'a setting allows more characters in names, but never all',
    needs: needs.extraCharacters,
    async run(site) {
      const channel = site.name('a:b/c d');
      const wire = await site.subscriber(channel);
      await site.publish('e', 'd', channel);
      same(await wire.settle(), [{ event: 'e', data: 'd', channel }], 'frames');
      for (const bad of ['a{b', 'a"b', 'a\nb', 'a!b']) await badName(site, bad);
    },
  },
];

const signed: Case[] = [
  {
    id: 'S02',
    rule: '7.2',
    title: 'the digest of the published vector is accepted (made for the socket at hand)',
    async run(site) {
      const vector = '58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4';
      same(
        channelAuth(APP, '1234.1234', 'private-foobar'),
        `${APP.key}:${vector}`,
        'the signer of this suite',
      );
      const wire = await site.connect();
      const auth = `${site.app.key}:${hmacHex(site.app.secret, `${wire.socketId}:private-foobar`)}`;
      wire.send({ event: 'pusher:subscribe', data: { channel: 'private-foobar', auth } });
      same(await wire.first(), { event: SUCCEEDED, channel: 'private-foobar', data: '{}' }, 'the answer');
    },
  },
  {
    id: 'S03',
    rule: '3.6',
    title: 'a wrong digest and a missing auth get both error frames and count for nothing',
    async run(site) {
      const channel = site.name('private-a');
      await badAuth(site, channel, `${site.app.key}:${'a'.repeat(64)}`);
      await badAuth(site, channel, null);
    },
  },
  {
    id: 'S04',
    rule: '3.5',
    title: 'a digest made for another socket is refused',
    async run(site) {
      const other = await site.connect();
      const channel = site.name('private-a');
      await badAuth(site, channel, channelAuth(site.app, other.socketId, channel));
    },
  },
  {
    id: 'S05',
    rule: '7.1',
    title: 'a digest in upper case, cut, prolonged or padded is refused',
    async run(site) {
      const channel = site.name('private-a');
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
        const wire = await site.connect();
        const hex = hmacHex(site.app.secret, `${wire.socketId}:${channel}`);
        site.ask(wire, channel, { auth: `${site.app.key}:${change(hex)}` });
        await site.unauthorised(wire, channel);
      }
    },
  },
  {
    id: 'S39',
    rule: '3.5',
    title: 'an auth that is no string is refused',
    async run(site) {
      for (const auth of [7, {}, [], true]) await badAuth(site, site.name('private-a'), auth);
    },
  },
  {
    id: 'S40',
    rule: '3.5',
    title: 'a digest made for another channel or secret is refused',
    async run(site) {
      const channel = site.name('private-a');
      const wire = await site.connect();
      const foreign = [
        channelAuth(site.app, wire.socketId, `${channel}x`),
        channelAuth({ ...site.app, secret: 'other' }, wire.socketId, channel),
        channelAuth(site.app, wire.socketId, channel, '{}'),
      ];
      for (const auth of foreign) {
        site.ask(wire, channel, { auth });
        await site.unauthorised(wire, channel);
      }
    },
  },
  {
    id: 'S41',
    rule: '3.5',
    title: 'the key part of auth may be a foreign one (lenient, as Reverb)',
    async run(site) {
      const wire = await site.connect();
      const channel = site.name('private-a');
      await site.subscribe(wire, channel, {
        auth: channelAuth({ ...site.app, key: 'other-key' }, wire.socketId, channel),
      });
    },
  },
  {
    id: 'S42',
    rule: '3.5',
    title: 'with strict keys a foreign key part is refused',
    needs: needs.strictAuthKey,
    async run(site) {
      const wire = await site.connect();
      const channel = site.name('private-a');
      site.ask(wire, channel, {
        auth: channelAuth({ ...site.app, key: 'other-key' }, wire.socketId, channel),
      });
      await site.unauthorised(wire, channel);
      await site.subscribe(wire, channel);
    },
  },
  {
    id: 'S43',
    rule: '7.2',
    title: 'channel_data on a private channel is signed when it is a non-empty string',
    async run(site) {
      const wire = await site.connect();
      const channel = site.name('private-a');
      await site.subscribe(wire, channel, { member: '{"x":1}' });
      site.ask(wire, channel, { member: '{"x":1}', auth: channelAuth(site.app, wire.socketId, channel) });
      await site.unauthorised(wire, channel);
      await site.subscribe(wire, channel, {
        member: '',
        auth: channelAuth(site.app, wire.socketId, channel),
      });
    },
  },
  {
    id: 'S44',
    rule: '7.7',
    title: 'an encrypted channel needs a signature and passes ciphertext untouched',
    async run(site) {
      const channel = site.name('private-encrypted-a');
      await badAuth(site, channel, '');
      const wire = await site.subscriber(channel);
      const data = '{"nonce":"AAAA+/==","ciphertext":"q83vEjRWeJA/+w=="}';
      await site.publish('secret', data, channel);
      same(await wire.settle(), [{ event: 'secret', data, channel }], 'frames');
    },
  },
];

const counts: Case[] = [
  {
    id: 'S28',
    rule: '3.9',
    title: 'subscription_count goes to all subscribers, the newcomer included, never on presence',
    needs: needs.subscriptionCounts,
    async run(site) {
      const channel = site.name('orders');
      const count = (value: number) => ({
        event: 'pusher_internal:subscription_count',
        data: JSON.stringify({ subscription_count: value }),
        channel,
      });
      const succeeded = { event: SUCCEEDED, data: '{}', channel };
      const first = await site.connect();
      site.ask(first, channel);
      same([await first.first(), await first.first()], [succeeded, count(1)], 'frames of the first');
      const second = await site.connect();
      site.ask(second, channel);
      same([await second.first(), await second.first()], [succeeded, count(2)], 'frames of the second');
      same(await first.first(), count(2), 'news to the first');
      const presence = site.name('presence-a');
      await site.subscribe(first, presence, { member: member('1') });
      site.unsubscribe(second, channel);
      same(await first.first(), count(1), 'the next news to the first');
      await site.silent(first, second);
    },
  },
  {
    id: 'S45',
    rule: '3.9',
    title: 'by default there is no subscription_count',
    async run(site) {
      const channel = site.name('orders');
      const first = await site.subscriber(channel);
      const second = await site.subscriber(channel);
      await site.silent(first, second);
    },
  },
];

export const subscribe: Case[] = [...plain, ...names, ...signed, ...counts];
