import { readFile, readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { APP, secondApp } from '../conformance/settings.ts';
import { SUCCEEDED, member } from '../conformance/case-tools.ts';
import { channelAuth, hmacHex, userAuth } from '../support/wire-http.ts';
import { dataOf } from '../support/wire.ts';
import { attackedServer, range } from './attacked-server.ts';

const target = attackedServer(secondApp.needs);

describe('subscribing without permission', () => {
  const SEVEN = JSON.stringify(member('7'));
  const NINE = JSON.stringify(member('9'));
  const foreign = { ...APP, secret: secondApp.app.secret };

  test.each<[string, string, (socketId: string, otherId: string) => unknown, string?]>([
    ['no auth', 'private-a', () => null],
    ['an empty auth', 'private-a', () => ''],
    ['the key alone', 'private-a', () => `${APP.key}:`],
    ["another channel's auth", 'private-a', (id) => channelAuth(APP, id, 'private-b')],
    ["another socket's auth", 'private-a', (_id, other) => channelAuth(APP, other, 'private-a')],
    ["another app's secret", 'private-a', (id) => channelAuth(foreign, id, 'private-a')],
    ["another app's key and secret", 'private-a', (id) => channelAuth(secondApp.app, id, 'private-a')],
    [
      'an auth with channel_data, without sending it',
      'private-a',
      (id) => channelAuth(APP, id, 'private-a', SEVEN),
    ],
    ['an auth for other channel_data', 'presence-a', (id) => channelAuth(APP, id, 'presence-a', SEVEN), NINE],
    [
      'an auth without channel_data, sending it',
      'presence-a',
      (id) => channelAuth(APP, id, 'presence-a'),
      SEVEN,
    ],
    [
      'the same JSON in another spelling',
      'presence-a',
      (id) => channelAuth(APP, id, 'presence-a', SEVEN),
      ` ${SEVEN}`,
    ],
    ['a sign-in instead', 'presence-a', (id) => userAuth(APP, id, SEVEN), SEVEN],
    [
      'a private auth on an encrypted channel',
      'private-encrypted-a',
      (id) => channelAuth(APP, id, 'private-a'),
    ],
    ['an auth that is an object', 'private-a', () => ({ toString: 'x' })],
    ['an auth that is a list', 'private-a', (id) => [channelAuth(APP, id, 'private-a')]],
    ['an auth that is a number', 'private-a', () => 7],
    ['an auth of 9 000 characters', 'private-a', () => `${APP.key}:${'a'.repeat(9_000)}`],
    ['an auth with NUL at the end', 'private-a', (id) => `${channelAuth(APP, id, 'private-a')}\u0000`],
  ])('3.5 A07 A09 %s on %s', async (_what, channel, authOf, data) => {
    const [wire, other] = [await target.tools.connect(), await target.tools.connect()];
    const auth = authOf(wire.socketId, other.socketId);
    target.tools.sendSubscribe(wire, channel, { auth, ...(data !== undefined && { member: data }) });
    await target.tools.unauthorised(wire, channel);
    expect((await target.tools.get('/channels')).text).toBe('{"channels":{}}');
    await target.tools.publish('e', 'd', channel);
    await target.tools.receivesNothing(wire);
  });

  test('7.1 A08 the code compares no signature with === or !==', async () => {
    const files: string[] = [];
    for (const folder of ['protocol', 'src']) {
      for (const name of await readdir(folder, { recursive: true })) {
        if (name.endsWith('.ts')) files.push(await readFile(`${folder}/${name}`, 'utf8'));
      }
    }
    const code = files.join('\n');
    expect(code).toContain('timingSafeEqual');
    const left = /\b\w*(signature|hmac|digest)\w*(\([^)]*\))?\s*[!=]==?(?!\s*undefined)/i;
    const right = /[!=]==?\s*\w*(signature|hmac|digest)\w*/i;
    expect(left.exec(code)?.[0]).toBeUndefined();
    expect(right.exec(code)?.[0]).toBeUndefined();
  });
});

describe('a signature is valid for one purpose only', () => {
  test.each(['private-a:b', 'private-a\nb', ':user:', 'private-a\u0000', '1.1:private-a'])(
    '3.2 A14 refuses the channel name %j even with a valid signature',
    async (channel) => {
      const wire = await target.tools.connect();
      target.tools.sendSubscribe(wire, channel, { auth: channelAuth(APP, wire.socketId, channel) });
      const frames = await wire.settle();
      expect(frames.map(({ event }) => event)).toEqual(['pusher:subscription_error']);
      expect(dataOf(frames[0]!)).toMatchObject({ type: 'InvalidChannel' });
    },
  );

  test('7.3 A14 refuses a channel signature for a sign-in', async () => {
    const wire = await target.tools.connect();
    const userData = '{"id":"1"}';
    const auth = channelAuth(APP, wire.socketId, 'private-a', userData);
    wire.send({ event: 'pusher:signin', data: { auth, user_data: userData } });
    await target.tools.refused(wire, 4009);
  });

  test('7.2 A14 refuses a sign-in signature for a presence channel', async () => {
    const wire = await target.tools.connect();
    const userData = '{"id":"1","user_id":"1"}';
    target.tools.sendSubscribe(wire, 'presence-a', {
      member: userData,
      auth: userAuth(APP, wire.socketId, userData),
    });
    await target.tools.unauthorised(wire, 'presence-a');
  });

  test('7.4 A14 refuses a newline in a signed path', async () => {
    const path = `/apps/${APP.id}/channels/a%0Aauth_key=x`;
    for (const signPath of [path, decodeURIComponent(path)]) {
      expect((await target.tools.publisher.send('GET', path, [], undefined, { signPath })).status).toBe(401);
    }
  });

  test('7.2 A14 accepts a signature over channel_data only with exactly this channel_data', async () => {
    const wire = await target.tools.connect();
    // Signed for channel `private-a` with channel_data `b`; a channel name cannot contain a colon.
    const hex = hmacHex(APP.secret, `${wire.socketId}:private-a:b`);
    target.tools.sendSubscribe(wire, 'private-a', { auth: `${APP.key}:${hex}` });
    await target.tools.unauthorised(wire, 'private-a');
    target.tools.sendSubscribe(wire, 'private-a', { auth: `${APP.key}:${hex}`, member: 'c' });
    await target.tools.unauthorised(wire, 'private-a');
    await target.tools.subscribe(wire, 'private-a', { auth: `${APP.key}:${hex}`, member: 'b' });
  });
});

describe('users', () => {
  test('6.3 A15 forged user_data: error and close 4009', async () => {
    const wire = await target.tools.connect();
    const auth = userAuth(APP, wire.socketId, '{"id":"1"}');
    wire.send({ event: 'pusher:signin', data: { auth, user_data: '{"id":"2"}' } });
    await target.tools.refused(wire, 4009, 'Connection not authorized.');
  });

  test('6.2 A15 a second sign-in as another user: error and close 4009', async () => {
    const wire = await target.tools.signedIn({ id: '1' });
    target.tools.signIn(wire, { id: '2' });
    await target.tools.refused(wire, 4009, 'Connection not authorized.');
  });

  test('5.4 A17 overwrites a forged user_id in a client event', async () => {
    const a = await target.tools.subscriber('presence-a', { member: member('7') });
    const b = await target.tools.subscriber('presence-a', { member: member('9') });
    for (const user_id of ['9', 9, null, { id: '9' }]) {
      a.send({ event: 'client-x', channel: 'presence-a', data: {}, user_id });
      await a.settle();
      expect((await b.settle()).map((frame) => frame.user_id)).toEqual(['7']);
    }
  });
});

describe('two apps', () => {
  const events = { name: 'e', data: 'd', channel: 'private-a' };

  test('8.2 A18 the API of an app refuses key and secret of another', async () => {
    const { key, secret } = secondApp.app;
    expect((await target.tools.publisher.post('/events', events, { key, secret })).status).toBe(401);
    expect((await target.tools.publisher.post('/events', events, { secret })).status).toBe(401);
    expect((await target.tools.publisher.post('/events', events, { key })).status).toBe(401);
  });

  test('3.13 A18 events, counts and members of one app are not visible in another', async () => {
    const other = target.tools.as(secondApp.app);
    const own = await target.tools.subscriber('presence-a', { member: member('1') });
    const foreign = await other.subscriber('presence-a', { member: member('2') });
    await target.tools.receivesNothing(own);
    await target.tools.publish('e', 'd', 'presence-a');
    await target.tools.receivesNothing(foreign);
    expect((await other.get('/channels/presence-a/users')).json).toEqual({ users: [{ id: '2' }] });
    expect((await other.get('/connections')).json).toEqual({ connections: 1 });
  });

  test('8.4 A52 an unknown socket_id, or one of another app, excludes no socket', async () => {
    const wire = await target.tools.subscriber('orders');
    const foreign = await target.tools.as(secondApp.app).connect();
    for (const socket_id of [foreign.socketId, '1.1', '999999999.999999999']) {
      await target.tools.publish('e', 'd', 'orders', { socket_id });
      expect((await wire.settle()).length).toBe(1);
    }
  });

  test('8.4 A52 refuses or ignores an invalid socket_id', async () => {
    const wire = await target.tools.subscriber('orders');
    for (const socket_id of ['x', '1', '1.1.1', '*', `${wire.socketId}:x`, ' '.repeat(5_000)]) {
      const { status } = await target.tools.publisher.post('/events', {
        name: 'e',
        data: 'd',
        channel: 'orders',
        socket_id,
      });
      expect([200, 400, 422]).toContain(status);
      expect((await wire.settle()).length).toBe(status === 200 ? 1 : 0);
    }
  });
});

describe('encrypted and cached channels', () => {
  test('5.2 A45 refuses client events on encrypted channels', async () => {
    const [a, b] = await Promise.all(range(2).map(() => target.tools.subscriber('private-encrypted-a')));
    target.tools.clientEvent(a!, 'private-encrypted-a', { n: 1 });
    target.tools.error((await a!.settle())[0], 4301);
    await target.tools.receivesNothing(b!);
  });

  test('3.10 A46 sends a cached event only to authorised clients', async () => {
    for (const channel of ['private-cache-a', 'presence-cache-a', 'private-encrypted-cache-a']) {
      await target.tools.publish('secret', 'd', channel);
      const wire = await target.tools.connect();
      target.tools.sendSubscribe(wire, channel, {
        auth: `${APP.key}:${'0'.repeat(64)}`,
        member: member('1'),
      });
      await target.tools.unauthorised(wire, channel);
    }
  });

  test('3.10 A46 sends no cached event of another app', async () => {
    await target.tools.publish('secret', 'd', 'cache-a');
    const wire = await target.tools.as(secondApp.app).connect();
    target.tools.sendSubscribe(wire, 'cache-a');
    expect((await wire.settle()).map(({ event }) => event)).toEqual([SUCCEEDED, 'pusher:cache_miss']);
    const info = await target.tools.as(secondApp.app).channel('cache-a', 'cache');
    expect(info).toEqual({ occupied: true, cache: null });
  });
});
