import { describe, expect, test } from 'vitest';
import { type Client, dataOf, openCore, settled, testApp } from './fakes.ts';

const KINDS = ['orders', 'private-a', 'presence-a', 'cache-a', 'private-cache-a', 'presence-cache-a'];
const ENCRYPTED = ['private-encrypted-a', 'private-encrypted-cache-a'];

/** Three sockets on one channel: the sender, another one of the same user, and one of another user. */
async function room(channel: string, app = testApp()) {
  const site = openCore({ apps: [app] });
  const clients: Client[] = [];
  for (const userId of ['7', '7', '9']) {
    const client = await site.connect();
    client.subscribe(channel, { user_id: userId });
    await settled();
    clients.push(client);
  }
  for (const client of clients) client.take();
  const [sender, sameUser, other] = clients as [Client, Client, Client];
  return { site, sender, sameUser, other };
}

const refusal = (code: number, message: string, channel: string) => [
  { event: 'pusher:error', data: { code, message }, channel },
];
const NOT_HERE = 'Client events are not allowed on this kind of channel.';
const NOT_A_MEMBER = 'The client is not a member of the specified channel.';

describe('relay', () => {
  test.each(KINDS)('5.3 on %s it reaches all subscribers but its sender', async (channel) => {
    const { sender, sameUser, other } = await room(channel);
    sender.sendClientEvent(channel, 'client-typing', { id: 7 });
    await settled();
    const expected = { event: 'client-typing', data: { id: 7 }, channel };
    const frame = channel.startsWith('presence-') ? { ...expected, user_id: '7' } : expected;
    expect(sender.take()).toEqual([]);
    expect(sameUser.take()).toEqual([frame]);
    expect(other.take()).toEqual([frame]);
  });

  test.each([[{ a: [1, null] }], ['text'], [''], ['{"a":1}'], [0], [false], [null], [[]]])(
    '5.3 data %j keeps its type',
    async (data) => {
      const { sender, other } = await room('private-a');
      sender.sendClientEvent('private-a', 'client-x', data);
      await settled();
      expect(other.take()).toEqual([{ event: 'client-x', data, channel: 'private-a' }]);
    },
  );

  test('5.3 without data it is null, and unknown keys are dropped', async () => {
    const { sender, other } = await room('presence-a');
    sender.send({ event: 'client-x', channel: 'presence-a', user_id: '666', socket_id: '1.1', extra: true });
    await settled();
    expect(other.take()).toEqual([{ event: 'client-x', data: null, channel: 'presence-a', user_id: '7' }]);
  });

  test('5.4 the user id is a string, whatever type the sender has', async () => {
    const site = openCore();
    const [sender, other] = [await site.connect(), await site.connect()];
    sender.subscribe('presence-a', { user_id: 0 });
    other.subscribe('presence-a', { user_id: 1 });
    await settled();
    sender.sendClientEvent('presence-a', 'client-x');
    await settled();
    expect(other.frames.at(-1)).toMatchObject({ event: 'client-x', user_id: '0' });
  });

  test('5.3 it is never sent to another app', async () => {
    const other = testApp({ id: 'other', credentials: [{ key: 'other-key', secret: 'app-secret' }] });
    const site = openCore({ apps: [testApp(), other] });
    const [here, there] = [await site.connect(), await site.connect({ appKey: 'other-key' })];
    here.subscribe('private-a');
    there.subscribe('private-a');
    await settled();
    here.sendClientEvent('private-a', 'client-x', 1);
    await settled();
    expect(there.frames).toHaveLength(2);
  });

  test('3.10 it is not cached on a cache channel', async () => {
    const { site, sender } = await room('private-cache-a');
    sender.sendClientEvent('private-cache-a', 'client-x', 1);
    await settled();
    expect(
      await site.stores.cachedEvents.last({ app: 'app-id', channel: 'private-cache-a' }),
    ).toBeUndefined();
  });

  test('5.3 a socket that reads too slowly does not get it', async () => {
    const { sender, sameUser, other } = await room('private-a');
    sameUser.socket.bufferedBytes = 1001;
    sender.sendClientEvent('private-a', 'client-x', 1);
    await settled();
    expect([sameUser.take().length, other.take().length]).toEqual([0, 1]);
  });

  test('5.3 a channel with a full backlog makes senders wait, and loses none of what they send', async () => {
    const { site, sender, sameUser, other } = await room('private-a');
    for (let at = 0; at < 1000; at += 1)
      site.hub.deliver({ app: 'app-id', channel: 'private-a' }, { payload: '{"event":"e"}' });
    for (let at = 0; at < 5; at += 1) sender.sendClientEvent('private-a', 'client-x', at);
    sameUser.sendClientEvent('private-a', 'client-y', 0);
    await settled(8);
    const received = other.take().filter(({ event }) => event.startsWith('client-'));
    expect(received.filter(({ event }) => event === 'client-x').map(dataOf)).toEqual([0, 1, 2, 3, 4]);
    expect(received).toHaveLength(6);
    expect(site.refused()).toEqual({ channel_behind: 2 });
    expect(sender.socket.closed).toBeUndefined();
  });
});

describe('who may send', () => {
  test('5.1 members: a socket that is not subscribed is refused', async () => {
    const { site, other } = await room('private-a');
    const stranger = await site.connect();
    stranger.sendClientEvent('private-a', 'client-x', 1);
    await settled();
    expect(stranger.frames.slice(1)).toEqual(refusal(4009, NOT_A_MEMBER, 'private-a'));
    expect(other.take()).toEqual([]);
  });

  test('5.1 members: one that has left is refused as well', async () => {
    const { sender, other } = await room('private-a');
    sender.unsubscribe('private-a');
    sender.sendClientEvent('private-a', 'client-x', 1);
    await settled();
    expect(sender.take()).toEqual(refusal(4009, NOT_A_MEMBER, 'private-a'));
    expect(other.take()).toEqual([]);
  });

  test('5.1 all: every socket of the app may, and one that is no member has no user id', async () => {
    const { site, other } = await room('presence-a', testApp({ clientEvents: 'all' }));
    const stranger = await site.connect();
    stranger.sendClientEvent('presence-a', 'client-x', 1);
    await settled();
    expect(other.take()).toEqual([{ event: 'client-x', data: 1, channel: 'presence-a' }]);
  });

  test('5.1 all: a name that is no channel is refused', async () => {
    const { sender } = await room('private-a', testApp({ clientEvents: 'all' }));
    sender.sendClientEvent('a b', 'client-x', 1);
    await settled();
    expect(sender.take()).toEqual(refusal(4009, NOT_A_MEMBER, 'a b'));
  });

  test('5.1 none: no socket may', async () => {
    const { sender, other } = await room('private-a', testApp({ clientEvents: 'none' }));
    sender.sendClientEvent('private-a', 'client-x', 1);
    await settled();
    expect(sender.take()).toEqual(
      refusal(4301, 'The app does not have client messaging enabled.', 'private-a'),
    );
    expect(other.take()).toEqual([]);
  });

  test.each(ENCRYPTED)('5.2 never on %s', async (channel) => {
    for (const clientEvents of ['members', 'all'] as const) {
      const { sender, other } = await room(channel, testApp({ clientEvents }));
      sender.sendClientEvent(channel, 'client-x', 1);
      await settled();
      expect(sender.take()).toEqual(refusal(4301, NOT_HERE, channel));
      expect(other.take()).toEqual([]);
    }
  });

  test.each(['orders', 'cache-a'])('5.2 on %s only when the app allows it', async (channel) => {
    const { sender, other } = await room(channel, testApp({ clientEventsOnPublic: false }));
    sender.sendClientEvent(channel, 'client-x', 1);
    await settled();
    expect(sender.take()).toEqual(refusal(4301, NOT_HERE, channel));
    expect(other.take()).toEqual([]);
  });

  test("5.2 never on a user's own channel", async () => {
    const { sender } = await room('private-a', testApp({ clientEvents: 'all' }));
    sender.sendClientEvent('#server-to-user-7', 'client-x', 1);
    await settled();
    expect(sender.take()).toEqual(refusal(4301, NOT_HERE, '#server-to-user-7'));
  });
});

describe('name and rate', () => {
  const BAD_NAME = 'The client event name is too long or has control characters.';

  test('5.5 a name of n characters is relayed, one of n + 1 is not', async () => {
    const { sender, other } = await room('private-a', testApp({ limits: { eventNameLength: 20 } }));
    sender.sendClientEvent('private-a', 'client-'.padEnd(20, 'x'), 1);
    sender.sendClientEvent('private-a', 'client-'.padEnd(21, 'x'), 1);
    await settled();
    expect(other.take()).toHaveLength(1);
    expect(sender.take()).toEqual(refusal(4301, BAD_NAME, 'private-a'));
  });

  test('5.5 a name with control characters is not relayed', async () => {
    const { sender, other } = await room('private-a');
    sender.sendClientEvent('private-a', 'client-a\u0007b', 1);
    await settled();
    expect(sender.take()).toEqual(refusal(4301, BAD_NAME, 'private-a'));
    expect(other.take()).toEqual([]);
  });

  test('5.5 n a second are relayed, n + 1 are not, and each second has its own count', async () => {
    const { site, sender, other } = await room(
      'private-a',
      testApp({ limits: { clientEventsPerSecond: 3 } }),
    );
    for (let at = 0; at < 5; at += 1) sender.sendClientEvent('private-a', 'client-x', at);
    await settled();
    expect(other.take().map(dataOf)).toEqual([0, 1, 2]);
    expect(sender.take().map(dataOf)).toEqual(
      Array(2).fill({ code: 4301, message: 'The rate limit for sending client events exceeded the quota.' }),
    );
    expect(sender.socket.closed).toBeUndefined();
    site.clock.pass(1000);
    for (let at = 0; at < 4; at += 1) sender.sendClientEvent('private-a', 'client-x', at);
    await settled();
    expect(other.take()).toHaveLength(3);
  });

  test('5.5 each socket has its own rate, and 0 means no limit', async () => {
    const one = await room('private-a', testApp({ limits: { clientEventsPerSecond: 1 } }));
    one.sender.sendClientEvent('private-a', 'client-x', 1);
    one.sameUser.sendClientEvent('private-a', 'client-x', 2);
    await settled();
    expect(one.other.take()).toHaveLength(2);
    const none = await room('private-a', testApp({ limits: { clientEventsPerSecond: 0 } }));
    for (let at = 0; at < 60; at += 1) none.sender.sendClientEvent('private-a', 'client-x', at);
    await settled();
    expect(none.other.take()).toHaveLength(60);
  });
});
