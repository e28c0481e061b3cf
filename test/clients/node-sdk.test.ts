/** Pusher's unmodified Node SDK against the real server process. */
import PusherSdk from 'pusher';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { APP } from '../support/app.ts';
import { ask, sdkFor } from './sdk.ts';
import { subscribeTo, inState, openClients, type ClientsContext } from './stock-clients.ts';

let clients: ClientsContext;
let sdk: PusherSdk;

beforeAll(async () => {
  clients = await openClients();
  sdk = clients.sdk;
});
afterEach(() => clients.clear());
afterAll(() => clients.close());

/** Occupied channels with the prefix of one test. */
const occupied = (prefix: string, info?: string) =>
  ask(sdk, '/channels', { filter_by_prefix: prefix, ...(info !== undefined && { info }) });

describe('trigger', () => {
  test('8.4 publishes to several channels; a socket on two of them receives it twice', async () => {
    const names = [clients.name('orders'), clients.name('orders'), clients.name('orders')] as const;
    const pusher = clients.pusher();
    const recorders = [];
    for (const name of names) recorders.push((await subscribeTo(pusher, name)).recorder);
    const response = await sdk.trigger([names[0], names[1]], 'shipped', { id: 1 });
    expect([response.status, await response.json()]).toEqual([200, {}]);
    for (const [index, recorder] of recorders.entries()) await clients.fence(names[index] ?? '', recorder);
    expect(recorders.map((recorder) => recorder.count('shipped'))).toEqual([1, 1, 0]);
  });

  test('8.4 excludes the socket of socket_id, and no other', async () => {
    const name = clients.name('orders');
    const sender = clients.pusher();
    const [mine, other] = [await subscribeTo(sender, name), await subscribeTo(clients.pusher(), name)];
    await sdk.trigger(name, 'shipped', {}, { socket_id: sender.connection.socket_id });
    await sdk.trigger(name, 'unknown', {}, { socket_id: '1.1' });
    await Promise.all([clients.fence(name, mine.recorder), clients.fence(name, other.recorder)]);
    expect([mine.recorder.count('shipped'), other.recorder.count('shipped')]).toEqual([0, 1]);
    expect([mine.recorder.count('unknown'), other.recorder.count('unknown')]).toEqual([1, 1]);
  });

  test('8.4 receives the attributes that it requests', async () => {
    const [name, presenceChannel] = [clients.name('orders'), clients.name('presence-room')];
    for (const user of ['7', '7', '9']) {
      const pusher = clients.pusher(user);
      await subscribeTo(pusher, name);
      await subscribeTo(pusher, presenceChannel);
    }
    const response = await sdk.trigger(
      [name, presenceChannel],
      'shipped',
      {},
      { info: 'subscription_count,user_count' },
    );
    expect(await response.json()).toEqual({
      channels: { [name]: { subscription_count: 3 }, [presenceChannel]: { user_count: 2 } },
    });
  });

  test('8.5 publishes a batch, in order', async () => {
    const [one, two] = [clients.name('orders'), clients.name('orders')];
    const pusher = clients.pusher();
    const { recorder } = await subscribeTo(pusher, one);
    const { recorder: second } = await subscribeTo(pusher, two);
    const batch = [1, 2, 3, 4].map((id) => ({
      channel: id === 2 ? two : one,
      name: 'shipped',
      data: { id },
    }));
    const response = await sdk.triggerBatch(batch);
    expect(await response.json()).toEqual({});
    await clients.fence(one, recorder);
    expect(recorder.all('shipped')).toEqual([{ id: 1 }, { id: 3 }, { id: 4 }]);
    expect(second.all('shipped')).toEqual([{ id: 2 }]);
  });

  test('8.5 receives the attributes that each event of a batch requests', async () => {
    const name = clients.name('orders');
    await subscribeTo(clients.pusher(), name);
    const response = await sdk.triggerBatch([
      { channel: name, name: 'a', data: {} },
      { channel: name, name: 'b', data: {}, info: 'subscription_count' },
    ]);
    expect(await response.json()).toEqual({ batch: [{}, { subscription_count: 1 }] });
  });

  test('7.7 encrypts end to end, single events and batches', async () => {
    const name = clients.name('private-encrypted-orders');
    const { recorder } = await subscribeTo(clients.pusher(), name);
    await sdk.trigger(name, 'secret', { pin: 'Ünı' });
    await sdk.triggerBatch([{ channel: name, name: 'secret', data: { pin: 2 } }]);
    await clients.fence(name, recorder);
    expect(recorder.all('secret')).toEqual([{ pin: 'Ünı' }, { pin: 2 }]);
  });
});

describe('queries', () => {
  test('8.6 lists the occupied channels; no channels are an empty object', async () => {
    const prefix = clients.name('prefix');
    expect(await occupied(prefix)).toEqual({ channels: {} });
    const pusher = clients.pusher();
    await subscribeTo(pusher, `${prefix}-a`);
    await subscribeTo(clients.pusher(), `${prefix}-a`);
    await subscribeTo(pusher, `${prefix}-b`);
    expect(await occupied(prefix)).toEqual({ channels: { [`${prefix}-a`]: {}, [`${prefix}-b`]: {} } });
    expect(await occupied(prefix, 'subscription_count')).toEqual({
      channels: { [`${prefix}-a`]: { subscription_count: 2 }, [`${prefix}-b`]: { subscription_count: 1 } },
    });
  });

  test('8.6 counts users of presence channels', async () => {
    const presenceChannel = clients.name('presence-room');
    for (const user of ['7', '7', '9']) await subscribeTo(clients.pusher(user), presenceChannel);
    expect(await occupied(presenceChannel, 'user_count')).toEqual({
      channels: { [presenceChannel]: { user_count: 2 } },
    });
  });

  test('8.7 describes a channel, occupied or not', async () => {
    const name = clients.name('orders');
    expect(await ask(sdk, `/channels/${name}`)).toEqual({ occupied: false });
    await subscribeTo(clients.pusher(), name);
    expect(await ask(sdk, `/channels/${name}`, { info: 'subscription_count' })).toEqual({
      occupied: true,
      subscription_count: 1,
    });
  });

  test('8.8 lists the users of a presence channel', async () => {
    const presenceChannel = clients.name('presence-room');
    expect(await ask(sdk, `/channels/${presenceChannel}/users`)).toEqual({ users: [] });
    for (const user of ['7', '9', '7']) await subscribeTo(clients.pusher(user), presenceChannel);
    expect(await ask(sdk, `/channels/${presenceChannel}/users`)).toEqual({
      users: [{ id: '7' }, { id: '9' }],
    });
  });

  test('8.10 counts connections', async () => {
    await expect.poll(() => ask(sdk, '/connections')).toEqual({ connections: 0 });
    const pusher = clients.pusher();
    await inState(pusher, 'connected');
    expect(await ask(sdk, '/connections')).toEqual({ connections: 1 });
  });
});

describe('users', () => {
  test('6.1 a client signs in with the result of authenticateUser()', async () => {
    const pusher = clients.pusher('1', {
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

  test('3.5 the result of authorizeChannel() is valid for its channel only', async () => {
    const name = clients.name('presence-room');
    const pusher = clients.pusher('1', {
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
    const { recorder } = await subscribeTo(pusher, name);
    await clients.fence(name, recorder);
    expect(await ask(sdk, `/channels/${name}/users`)).toEqual({ users: [{ id: 'ada' }] });

    const refused = pusher.subscribe(clients.name('presence-room'));
    await new Promise((resolve) => refused.bind('pusher:subscription_error', resolve));
    expect(refused.subscribed).toBe(false);
  });

  test('6.4 sendToUser() accepts an unknown user', async () => {
    const response = await sdk.sendToUser('nobody', 'greeting', {});
    expect([response.status, await response.json()]).toEqual([200, {}]);
  });

  test('8.9 terminateUserConnections() ends the sockets of one user and no others', async () => {
    const presenceChannel = clients.name('presence-room');
    const leaving = clients.pusher('7');
    await subscribeTo(leaving, presenceChannel);
    const remaining = await subscribeTo(clients.pusher('9'), presenceChannel);
    const response = await sdk.terminateUserConnections('7');
    expect([response.status, await response.json()]).toEqual([200, {}]);
    await inState(leaving, 'disconnected');
    await remaining.recorder.next('pusher:member_removed');
    expect(await ask(sdk, `/channels/${presenceChannel}/users`)).toEqual({ users: [{ id: '9' }] });
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
    const wrongSdk = sdkFor({ ...clients.server, secret: 'another-secret' });
    const { status, body } = await failure(wrongSdk.trigger('orders', 'shipped', {}));
    expect([status, body]).toEqual([401, 'Authentication signature invalid.']);
  });

  test('8.3 another app is not found', async () => {
    const { status, body } = await failure(sdkFor(clients.server, 'nope').trigger('orders', 'shipped', {}));
    expect([status, body]).toEqual([404, 'No matching application for ID [nope].']);
  });

  test('8.12 a batch of more than ten events is refused as a whole', async () => {
    const name = clients.name('orders');
    const { recorder } = await subscribeTo(clients.pusher(), name);
    const batch = Array.from({ length: 11 }, (_, id) => ({ channel: name, name: 'shipped', data: { id } }));
    expect((await failure(sdk.triggerBatch(batch))).status).toBe(400);
    await clients.fence(name, recorder);
    expect(recorder.count('shipped')).toBe(0);
  });

  test('8.8 the users of a channel that is not a presence channel are refused', async () => {
    expect((await failure(ask(sdk, '/channels/orders/users'))).status).toBe(400);
  });

  test('7.4 accepts the signature of values that the SDK does not encode', async () => {
    const name = `presence-${APP.id},a;b=c@d`;
    await subscribeTo(clients.pusher('7'), name);
    expect(await ask(sdk, '/channels', { filter_by_prefix: name, info: 'user_count' })).toEqual({
      channels: { [name]: { user_count: 1 } },
    });
  });
});

describe('values with +, % and spaces', () => {
  const NAMES = ['orders-a+b', 'orders-a b', 'orders-a%2Bb', 'orders-a%20b', 'orders-a%b'];
  let lenient: ClientsContext;
  beforeAll(async () => {
    lenient = await openClients({ WAVEHALL_EXTRA_CHANNEL_CHARACTERS: '+ %' });
    const pusher = lenient.pusher();
    for (const name of NAMES) await subscribeTo(pusher, name);
  });
  afterAll(() => lenient.close());

  test.each(NAMES)('7.4 the SDK requests the channel %j and receives that one', async (name) => {
    expect(
      await ask(lenient.sdk, '/channels', { filter_by_prefix: name, info: 'subscription_count' }),
    ).toEqual({
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
  ])('7.4 a signed request for %j, rewritten with %j, never returns another channel', async (name, by) => {
    const path = `/apps/${APP.id}/channels`;
    const query = lenient.sdk.createSignedQueryString({
      method: 'GET',
      path,
      params: { filter_by_prefix: name },
      body: '',
    });
    const { host, port } = lenient.server;
    const rewritten = query.replace(/(filter_by_prefix=orders-a)(\+| |%2B|%20)/, `$1${by}`);
    const answer = await fetch(`http://${host}:${port}${path}?${rewritten}`);
    if (answer.status === 200) expect(await answer.json()).toEqual({ channels: { [name]: {} } });
    else expect([answer.status, await answer.text()]).toEqual([401, 'Authentication signature invalid.']);
  });
});
