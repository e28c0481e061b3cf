/** Pusher's Node SDK as it comes from npm, against the real server process. */
import PusherSdk from 'pusher';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { APP } from '../support/app.ts';
import { ask, sdkFor } from './sdk.ts';
import { enter, inState, openStage, type Stage } from './stock.ts';

let stage: Stage;
let sdk: PusherSdk;

beforeAll(async () => {
  stage = await openStage();
  sdk = stage.sdk;
});
afterEach(() => stage.clear());
afterAll(() => stage.close());

/** The names of what is occupied in this test's own corner. */
const occupied = (prefix: string, info?: string) =>
  ask(sdk, '/channels', { filter_by_prefix: prefix, ...(info !== undefined && { info }) });

describe('trigger', () => {
  test('8.4 publishes to several channels; a socket on two of them receives it twice', async () => {
    const names = [stage.name('orders'), stage.name('orders'), stage.name('orders')] as const;
    const pusher = stage.pusher();
    const ears = [];
    for (const name of names) ears.push((await enter(pusher, name)).ear);
    const response = await sdk.trigger([names[0], names[1]], 'shipped', { id: 1 });
    expect([response.status, await response.json()]).toEqual([200, {}]);
    for (const [index, ear] of ears.entries()) await stage.fence(names[index] ?? '', ear);
    expect(ears.map((ear) => ear.count('shipped'))).toEqual([1, 1, 0]);
  });

  test('8.4 leaves out the socket that it names, and no other', async () => {
    const name = stage.name('orders');
    const sender = stage.pusher();
    const [mine, other] = [await enter(sender, name), await enter(stage.pusher(), name)];
    await sdk.trigger(name, 'shipped', {}, { socket_id: sender.connection.socket_id });
    await sdk.trigger(name, 'unknown', {}, { socket_id: '1.1' });
    await Promise.all([stage.fence(name, mine.ear), stage.fence(name, other.ear)]);
    expect([mine.ear.count('shipped'), other.ear.count('shipped')]).toEqual([0, 1]);
    expect([mine.ear.count('unknown'), other.ear.count('unknown')]).toEqual([1, 1]);
  });

  test('8.4 receives the attributes of the channels that it asks for', async () => {
    const [name, room] = [stage.name('orders'), stage.name('presence-room')];
    for (const user of ['7', '7', '9']) {
      const pusher = stage.pusher(user);
      await enter(pusher, name);
      await enter(pusher, room);
    }
    const response = await sdk.trigger(
      [name, room],
      'shipped',
      {},
      { info: 'subscription_count,user_count' },
    );
    expect(await response.json()).toEqual({
      channels: { [name]: { subscription_count: 3 }, [room]: { user_count: 2 } },
    });
  });

  test('8.5 publishes a batch, in order', async () => {
    const [one, two] = [stage.name('orders'), stage.name('orders')];
    const pusher = stage.pusher();
    const { ear } = await enter(pusher, one);
    const { ear: second } = await enter(pusher, two);
    const batch = [1, 2, 3, 4].map((id) => ({
      channel: id === 2 ? two : one,
      name: 'shipped',
      data: { id },
    }));
    const response = await sdk.triggerBatch(batch);
    expect(await response.json()).toEqual({});
    await stage.fence(one, ear);
    expect(ear.all('shipped')).toEqual([{ id: 1 }, { id: 3 }, { id: 4 }]);
    expect(second.all('shipped')).toEqual([{ id: 2 }]);
  });

  test('8.5 receives the attributes that each event of a batch asks for', async () => {
    const name = stage.name('orders');
    await enter(stage.pusher(), name);
    const response = await sdk.triggerBatch([
      { channel: name, name: 'a', data: {} },
      { channel: name, name: 'b', data: {}, info: 'subscription_count' },
    ]);
    expect(await response.json()).toEqual({ batch: [{}, { subscription_count: 1 }] });
  });

  test('7.7 encrypts end to end, alone and in a batch', async () => {
    const name = stage.name('private-encrypted-orders');
    const { ear } = await enter(stage.pusher(), name);
    await sdk.trigger(name, 'secret', { pin: 'Ünı' });
    await sdk.triggerBatch([{ channel: name, name: 'secret', data: { pin: 2 } }]);
    await stage.fence(name, ear);
    expect(ear.all('secret')).toEqual([{ pin: 'Ünı' }, { pin: 2 }]);
  });
});

describe('questions', () => {
  test('8.6 lists no channel as an object, then the occupied ones', async () => {
    const corner = stage.name('corner');
    expect(await occupied(corner)).toEqual({ channels: {} });
    const pusher = stage.pusher();
    await enter(pusher, `${corner}-a`);
    await enter(stage.pusher(), `${corner}-a`);
    await enter(pusher, `${corner}-b`);
    expect(await occupied(corner)).toEqual({ channels: { [`${corner}-a`]: {}, [`${corner}-b`]: {} } });
    expect(await occupied(corner, 'subscription_count')).toEqual({
      channels: { [`${corner}-a`]: { subscription_count: 2 }, [`${corner}-b`]: { subscription_count: 1 } },
    });
  });

  test('8.6 counts users of presence channels', async () => {
    const room = stage.name('presence-room');
    for (const user of ['7', '7', '9']) await enter(stage.pusher(user), room);
    expect(await occupied(room, 'user_count')).toEqual({ channels: { [room]: { user_count: 2 } } });
  });

  test('8.7 describes a channel, occupied or not', async () => {
    const name = stage.name('orders');
    expect(await ask(sdk, `/channels/${name}`)).toEqual({ occupied: false });
    await enter(stage.pusher(), name);
    expect(await ask(sdk, `/channels/${name}`, { info: 'subscription_count' })).toEqual({
      occupied: true,
      subscription_count: 1,
    });
  });

  test('8.8 lists the users of a presence channel', async () => {
    const room = stage.name('presence-room');
    expect(await ask(sdk, `/channels/${room}/users`)).toEqual({ users: [] });
    for (const user of ['7', '9', '7']) await enter(stage.pusher(user), room);
    expect(await ask(sdk, `/channels/${room}/users`)).toEqual({ users: [{ id: '7' }, { id: '9' }] });
  });

  test('8.10 counts connections', async () => {
    await expect.poll(() => ask(sdk, '/connections')).toEqual({ connections: 0 });
    const pusher = stage.pusher();
    await inState(pusher, 'connected');
    expect(await ask(sdk, '/connections')).toEqual({ connections: 1 });
  });
});

describe('users', () => {
  test('6.1 authenticateUser() signs in a real client', async () => {
    const pusher = stage.pusher('1', {
      userAuthentication: {
        endpoint: '',
        transport: 'ajax',
        customHandler: ({ socketId }, done) => {
          done(null, sdk.authenticateUser(socketId, { id: 'ada', user_info: { name: 'Ada \u2028/"ü"' } }));
        },
      },
    });
    pusher.signin();
    await pusher.user.signinDonePromise;
    expect(pusher.user.user_data).toEqual({ id: 'ada', user_info: { name: 'Ada \u2028/"ü"' } });
  });

  test('3.5 authorizeChannel() admits a real client to its channel only', async () => {
    const name = stage.name('presence-room');
    const pusher = stage.pusher('1', {
      channelAuthorization: {
        endpoint: '',
        transport: 'ajax',
        customHandler: ({ socketId }, done) => {
          done(
            null,
            sdk.authorizeChannel(socketId, name, { user_id: 'ada', user_info: { x: '\u2028/"ü"' } }),
          );
        },
      },
    });
    const { ear } = await enter(pusher, name);
    await stage.fence(name, ear);
    expect(await ask(sdk, `/channels/${name}/users`)).toEqual({ users: [{ id: 'ada' }] });

    const refused = pusher.subscribe(stage.name('presence-room'));
    await new Promise((resolve) => refused.bind('pusher:subscription_error', resolve));
    expect(refused.subscribed).toBe(false);
  });

  test('6.4 sendToUser() accepts an unknown user', async () => {
    const response = await sdk.sendToUser('nobody', 'greeting', {});
    expect([response.status, await response.json()]).toEqual([200, {}]);
  });

  test('8.9 terminateUserConnections() ends the sockets of one user and no others', async () => {
    const room = stage.name('presence-room');
    const leaving = stage.pusher('7');
    await enter(leaving, room);
    const staying = await enter(stage.pusher('9'), room);
    const response = await sdk.terminateUserConnections('7');
    expect([response.status, await response.json()]).toEqual([200, {}]);
    await inState(leaving, 'disconnected');
    await staying.ear.next('pusher:member_removed');
    expect(await ask(sdk, `/channels/${room}/users`)).toEqual({ users: [{ id: '9' }] });
  });
});

describe('refusals', () => {
  const failure = async (request: Promise<unknown>) => {
    const error: unknown = await request.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(PusherSdk.RequestError);
    const { status, body } = error as PusherSdk.RequestError;
    return { status, body };
  };

  test('8.2 another secret is refused', async () => {
    const stranger = sdkFor({ ...stage.server, secret: 'another-secret' });
    const { status, body } = await failure(stranger.trigger('orders', 'shipped', {}));
    expect([status, body]).toEqual([401, 'Authentication signature invalid.']);
  });

  test('8.3 another app is not found', async () => {
    const { status, body } = await failure(sdkFor(stage.server, 'nope').trigger('orders', 'shipped', {}));
    expect([status, body]).toEqual([404, 'No matching application for ID [nope].']);
  });

  test('8.12 a batch of more than ten is refused whole', async () => {
    const name = stage.name('orders');
    const { ear } = await enter(stage.pusher(), name);
    const batch = Array.from({ length: 11 }, (_, id) => ({ channel: name, name: 'shipped', data: { id } }));
    expect((await failure(sdk.triggerBatch(batch))).status).toBe(400);
    await stage.fence(name, ear);
    expect(ear.count('shipped')).toBe(0);
  });

  test('8.8 a channel without members has no users', async () => {
    expect((await failure(ask(sdk, '/channels/orders/users'))).status).toBe(400);
  });

  test('7.4 accepts the signature of values that the SDK does not encode', async () => {
    const name = `presence-${APP.id},a;b=c@d`;
    await enter(stage.pusher('7'), name);
    expect(await ask(sdk, '/channels', { filter_by_prefix: name, info: 'user_count' })).toEqual({
      channels: { [name]: { user_count: 1 } },
    });
  });
});

describe('values with +, % and spaces', () => {
  const NAMES = ['orders-a+b', 'orders-a b', 'orders-a%2Bb', 'orders-a%20b', 'orders-a%b'];
  let odd: Stage;
  beforeAll(async () => {
    odd = await openStage({ WAVEHALL_EXTRA_CHANNEL_CHARACTERS: '+ %' });
    const pusher = odd.pusher();
    for (const name of NAMES) await enter(pusher, name);
  });
  afterAll(() => odd.close());

  test.each(NAMES)('7.4 the SDK asks for the channel %j and receives that one', async (name) => {
    expect(await ask(odd.sdk, '/channels', { filter_by_prefix: name, info: 'subscription_count' })).toEqual({
      channels: { [name]: { subscription_count: 1 } },
    });
  });

  test.each([
    ['orders-a+b', '%2B'],
    ['orders-a+b', '%20'],
    ['orders-a b', '+'],
    ['orders-a b', '%2B'],
    ['orders-a%2Bb', '+'],
    ['orders-a%20b', ' '],
  ])(
    '7.4 a request for %j that was copied and rewritten with %j never asks for another channel',
    async (name, by) => {
      const path = `/apps/${APP.id}/channels`;
      const query = odd.sdk.createSignedQueryString({
        method: 'GET',
        path,
        params: { filter_by_prefix: name },
        body: '',
      });
      const { host, port } = odd.server;
      const rewritten = query.replace(/(filter_by_prefix=orders-a)(\+| |%2B|%20)/, `$1${by}`);
      const answer = await fetch(`http://${host}:${port}${path}?${rewritten}`);
      if (answer.status === 200) expect(await answer.json()).toEqual({ channels: { [name]: {} } });
      else expect([answer.status, await answer.text()]).toEqual([401, 'Authentication signature invalid.']);
    },
  );
});
