import { describe, expect, test } from 'vitest';
import { SUCCEEDED, member } from '../conformance/case-tools.ts';
import type { CaseTools } from '../conformance/case-tools.ts';
import { Tcp, textFrame, upgradeText } from '../support/wire-tcp.ts';
import { dataOf } from '../support/wire.ts';
import { attackedServer, range, times } from './attacked-server.ts';

const HOSTILE = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '__defineGetter__',
];

/** Two sockets on one channel. */
const pair = async (tools: CaseTools, channel: string) => ({
  a: await tools.subscriber(channel),
  b: await tools.subscriber(channel),
});

describe('events that a client may not send', () => {
  const target = attackedServer({ WAVEHALL_CLIENT_EVENTS_ON_PUBLIC: 'false' });

  test.each([
    ['pusher_internal:member_added', undefined],
    [SUCCEEDED, undefined],
    ['pusher:error', 4200],
    ['pusher:connection_established', 4200],
    ['pusher:cache_miss', 4200],
    ['pusher:signin_success', 4200],
    ['orders.shipped', undefined],
    ['CLIENT-x', undefined],
  ])('1.6 A16 relays no %s', async (event, code) => {
    const { a, b } = await pair(target.tools, 'private-a');
    a.send({ event, channel: 'private-a', data: { user_id: '1' } });
    const frames = await a.settle();
    if (code === undefined) expect(frames).toEqual([]);
    else target.tools.error(frames[0], code);
    await target.tools.receivesNothing(b);
  });

  test.each([
    ['a public channel', 'orders', 4301],
    ['an encrypted channel', 'private-encrypted-a', 4301],
  ])('5.2 A16 refuses a client event on %s with error 4301', async (_what, channel, code) => {
    const { a, b } = await pair(target.tools, channel);
    target.tools.clientEvent(a, channel, { n: 1 });
    target.tools.error((await a.settle())[0], code);
    await target.tools.receivesNothing(b);
  });

  test('5.1 A16 refuses a client event on a channel that the client has not joined with error 4009', async () => {
    const b = await target.tools.subscriber('private-a');
    const a = await target.tools.subscriber('private-b');
    for (const channel of ['private-a', 'private-none']) {
      target.tools.clientEvent(a, channel, { n: 1 });
      target.tools.error((await a.settle())[0], 4009);
    }
    await target.tools.receivesNothing(b);
  });

  test('5.3 A16 relays a frame that is built from known fields only', async () => {
    const { a, b } = await pair(target.tools, 'private-a');
    a.send(
      '{"channel":"private-a","__proto__":{"x":1},"user_id":"1","socket_id":"1.1","event":"client-x","data":{},"id":7}',
    );
    await a.settle();
    expect((await b.settle()).length).toBe(1);
    expect(b.texts.at(-2)).toBe('{"event":"client-x","data":{},"channel":"private-a"}');
  });
});

describe('names with a meaning in JavaScript', () => {
  const target = attackedServer();

  test.each(HOSTILE)('3.2 A19 serves a channel called %s', async (channel) => {
    const wire = await target.tools.subscriber(channel);
    await target.tools.publish('e', 'd', channel, { info: 'subscription_count' });
    expect(await wire.settle()).toEqual([{ event: 'e', data: 'd', channel }]);
    expect(await target.tools.channel(channel)).toEqual({ occupied: true });
  });

  test.each(HOSTILE)('4.3 A19 serves a member called %s', async (user) => {
    const watcher = await target.tools.subscriber('presence-a', { member: member('w') });
    const wire = await target.tools.connect();
    const frame = await target.tools.subscribe(wire, 'presence-a', { member: member(user) });
    const { presence } = dataOf(frame) as { presence: { ids: string[]; hash: object } };
    expect([presence.ids, Object.keys(presence.hash)]).toEqual([
      ['w', user],
      ['w', user],
    ]);
    expect((await target.tools.get('/channels/presence-a/users')).json).toEqual({
      users: [{ id: 'w' }, { id: user }],
    });
    wire.drop();
    await watcher.next('pusher_internal:member_removed');
  });

  test.each(HOSTILE)('6.1 A19 serves a signed-in user called %s', async (user) => {
    const wire = await target.tools.signedIn({ id: user, watchlist: HOSTILE });
    await target.tools.subscribe(wire, `#server-to-user-${user}`);
    await wire.next('pusher_internal:watchlist_events');
  });

  test.each(HOSTILE)(
    '8.2 A19 gives %s no meaning as app, event, key of the body, parameter and header',
    async (name) => {
      const { tools } = target;
      expect((await tools.publisher.send('GET', `/apps/${name}/channels`, [], undefined)).status).toBe(404);
      expect(
        (
          await tools.get('/channels', [
            [name, '1'],
            ['info', name],
          ])
        ).status,
      ).toBe(200);
      const body = `{"name":"${name}","data":"d","channel":"orders","${name}":{"isAdmin":true}}`;
      expect((await tools.publisher.post('/events', body)).status).toBe(200);
      const tcp = await Tcp.open(tools.app);
      tcp.write(`GET /up HTTP/1.1\r\nHost: a\r\n${name}: x\r\nConnection: close\r\n\r\n`);
      expect(await tcp.head()).toMatch(/^HTTP\/1.1 200 /);
      const probe = await tools.subscriber('orders');
      await tools.publish('e', 'd', 'orders');
      await probe.settle();
      expect(probe.texts.at(-2)).toBe('{"event":"e","data":"d","channel":"orders"}');
    },
  );
});

describe('hostile JSON', () => {
  const target = attackedServer();

  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

  test.each([100, 1_000, 4_900])('1.5 A20 handles %i nested lists', async (depth) => {
    const { a, b } = await pair(target.tools, 'private-a');
    a.send(`{"event":"client-x","channel":"private-a","data":${nested(depth)}}`);
    const answers = await a.settle();
    const relayed = await b.settle();
    expect(answers.length + relayed.length).toBe(1);
    if (answers[0]) target.tools.error(answers[0], 4200);
  });

  test.each([
    ['name', `{"name":${nested(50_000)},"data":"d","channel":"orders"}`],
    ['channels', `{"name":"e","data":"d","channels":${nested(50_000)}}`],
    ['the whole body', nested(50_000)],
  ])('8.3 A20 handles 50,000 nested lists as %s of a request', async (_what, body) => {
    const { status } = await target.tools.publisher.post('/events', body);
    expect([400, 422]).toContain(status);
  });

  test('8.12 A20 refuses a million keys by size before parsing them', async () => {
    const body = `{${range(1_000_000)
      .map((index) => `"k${index}":0`)
      .join()}}`;
    // The server may close the connection before the client has sent everything and read the answer.
    const outcome = await target.tools.publisher.post('/events', body).then(
      ({ status }) => status,
      () => 'ended',
    );
    expect([413, 'ended']).toContain(outcome);
  });

  test('4.1 A20 refuses a number beyond the range of a double as a user id', async () => {
    const wire = await target.tools.connect();
    for (const number of ['1e999', '-1e999']) {
      target.tools.sendSubscribe(wire, 'presence-a', { member: `{"user_id":${number}}` });
      await target.tools.unauthorised(wire, 'presence-a');
    }
  });

  test('1.5 A20 takes the last value of a repeated key', async () => {
    const wire = await target.tools.connect();
    wire.send('{"event":"pusher:ping","event":"foo","channel":"bar"}');
    await target.tools.receivesNothing(wire);
    wire.send('{"event":"pusher:subscribe","data":{"channel":"a","channel":"b"}}');
    expect((await wire.first()).channel).toBe('b');
  });

  test.each([
    '\u0000',
    '\ufeff{}',
    '{"event":"pusher:ping"}\u0000',
    '\ud800',
    '"',
    '{"event":"\ud800"}',
    'NaN',
    '-',
    '1e',
    ' ',
  ])('1.5 A20 %j is answered with 4200 or ignored', async (text) => {
    const wire = await target.tools.connect();
    wire.send(text);
    const frames = await wire.settle();
    expect(frames.length).toBeLessThan(2);
    if (frames[0]) target.tools.error(frames[0], 4200);
  });
});

describe('too many or too large', () => {
  const target = attackedServer({ WAVEHALL_MAX_PRESENCE_MEMBERS: '2', WAVEHALL_MAX_USER_INFO_SIZE: '1000' });

  test('3.12 A21 the 2,001st subscription is refused, the others remain', async () => {
    const wire = await target.tools.connect();
    for (const index of range(2001)) target.tools.sendSubscribe(wire, `c${index}`);
    const frames = await wire.settle(20_000);
    expect(frames.slice(0, 2000).every(({ event }) => event === SUCCEEDED)).toBe(true);
    expect(frames.slice(2000).map(({ event, channel }) => [event, channel])).toEqual([
      ['pusher:subscription_error', 'c2000'],
    ]);
    await target.tools.publish('e', 'd', ['c0', 'c1999', 'c2000']);
    expect((await wire.settle()).map(({ channel }) => channel)).toEqual(['c0', 'c1999']);
  });

  test('3.12 A21 limits the bytes of subscriptions to long names and answers each', async () => {
    const wire = await target.tools.connect();
    const names = range(1200).map((index) => `${'x'.repeat(190)}${index}`);
    for (const name of names) target.tools.sendSubscribe(wire, name);
    const frames = await wire.settle(20_000);
    expect(frames.map(({ channel }) => channel)).toEqual(names);
    const accepted = frames.filter(({ event }) => event === SUCCEEDED).map(({ channel }) => String(channel));
    expect(accepted.join('').length).toBeLessThanOrEqual(200_000);
    expect(accepted.join('').length).toBeGreaterThan(199_800);
    expect(frames.filter(({ event }) => event === 'pusher:subscription_error')).toHaveLength(
      names.length - accepted.length,
    );
  });

  test('4.5 A22 refuses a third user where two are allowed, without an effect on the others', async () => {
    const first = await target.tools.subscriber('presence-a', { member: member('1') });
    await target.tools.subscriber('presence-a', { member: member('2') });
    await first.settle();
    const third = await target.tools.connect();
    target.tools.sendSubscribe(third, 'presence-a', { member: member('3') });
    const frames = await third.settle();
    expect(frames.map(({ event }) => event)).toEqual(['pusher:subscription_error']);
    expect(dataOf(frames[0]!)).toMatchObject({ type: 'LimitReached' });
    await target.tools.receivesNothing(first);
    expect((await target.tools.get('/channels/presence-a/users')).json).toEqual({
      users: [{ id: '1' }, { id: '2' }],
    });
    // Another socket of a member is not another member.
    await target.tools.subscriber('presence-a', { member: member('2') });
  });

  test('4.5 A22 refuses user_info that is too large, and occupies no channel', async () => {
    const wire = await target.tools.connect();
    target.tools.sendSubscribe(wire, 'presence-a', {
      member: { user_id: '1', user_info: 'x'.repeat(2_000) },
    });
    const frames = await wire.settle();
    expect(dataOf(frames[0]!)).toMatchObject({ type: 'LimitReached' });
    expect((await target.tools.get('/channels')).text).toBe('{"channels":{}}');
  });
});

describe('inputs that slow regular expressions down', () => {
  const target = attackedServer();

  /** Duration of the requests of `act`, in ms. */
  const durationMs = async (act: () => Promise<unknown>): Promise<number> => {
    const begin = performance.now();
    await act();
    return performance.now() - begin;
  };

  test.each([
    ['valid characters and one invalid one', `${'a'.repeat(50_000)}!`],
    ['dashes', '-'.repeat(50_000)],
    ['prefixes', 'private-encrypted-cache-'.repeat(2_000)],
    ['digits and dots', '1.'.repeat(25_000)],
    ['spaces', ' '.repeat(50_000)],
  ])(
    '3.2 A53 handles 50 kB of %s as channel, event and socket id in less than 250 ms',
    async (_what, text) => {
      const event = { name: 'e', data: 'd', channel: 'orders' };
      for (const body of [
        { ...event, channel: text },
        { ...event, name: text },
        { ...event, socket_id: text },
      ]) {
        const took = await durationMs(() => target.tools.publisher.post('/events', body));
        expect(took).toBeLessThan(250);
      }
    },
  );

  test('2.6 A53 handles 8 kB of origin and of path in less than 250 ms', async () => {
    const texts = [
      `https://${'a.'.repeat(4_000)}com`,
      `https://${'-'.repeat(8_000)}`,
      'https://'.repeat(1_000),
    ];
    for (const origin of texts) {
      expect(await durationMs(() => target.tools.connect('', { origin }))).toBeLessThan(250);
    }
    expect(
      await durationMs(() => target.tools.request({ method: 'GET', path: '/app'.repeat(2_000) })),
    ).toBeLessThan(250);
    expect(
      await durationMs(() => target.tools.get('/channels', [['info', 'user_count,'.repeat(1_000)]])),
    ).toBeLessThan(250);
  });
});

describe('messages in the segment of the upgrade', () => {
  const target = attackedServer();

  test('2.12 A06 handles each of them at the permitted rate', async () => {
    const tcp = await Tcp.open(target.tools.app);
    const count = 3400;
    const frame = textFrame({ event: 'pusher:subscribe', data: { channel: 'orders' } });
    tcp.write(Buffer.concat([Buffer.from(upgradeText(target.tools.path)), ...range(count).map(() => frame)]));
    await tcp.head();
    const startMs = performance.now();
    await tcp.message();
    await times(count, async () => expect(await tcp.message()).toMatchObject({ event: SUCCEEDED }));
    // 400 of them exceed the burst and are handled at 200 per second.
    expect(performance.now() - startMs).toBeGreaterThan(1200);
    tcp.destroy();
  }, 30_000);
});
