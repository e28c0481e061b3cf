/** Unmodified pusher-js in Node against the real server process. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { APP } from '../support/app.ts';
import { userInfo } from './application.ts';
import { EventRecorder } from './event-recorder.ts';
import { ask } from './sdk.ts';
import {
  subscribeTo,
  inState,
  membersOf,
  openClients,
  optionsFor,
  Pusher,
  type ClientsContext,
} from './stock-clients.ts';

let clients: ClientsContext;

beforeAll(async () => {
  clients = await openClients({ WAVEHALL_MAX_CLIENT_EVENTS_PER_SECOND: '10' }, { '40': ['41'] });
});
afterEach(() => clients.clear());
afterAll(() => clients.close());

describe('connection', () => {
  test('2.3 connects and reads the socket id and the activity timeout', async () => {
    const pusher = clients.pusher();
    expect(await inState(pusher, 'connected')).toMatch(/^\d+\.\d+$/);
    expect(pusher.connection.activityTimeout).toBe(30_000);
  });

  test('2.1 connects with the default transports of pusher-js', async () => {
    const { enabledTransports, ...options } = optionsFor(clients.server);
    expect(enabledTransports).toBeDefined();
    const pusher = new Pusher(APP.key, options);
    try {
      await inState(pusher, 'connected');
    } finally {
      pusher.disconnect();
    }
  });

  test('2.1 connects under a path', async () => {
    const withPath = await openClients({ REVERB_SERVER_PATH: 'realtime' });
    try {
      await inState(withPath.pusher('1', { wsPath: '/realtime' }), 'connected');
    } finally {
      await withPath.close();
    }
  });
});

describe('channels', () => {
  test('3.13 receives an event of a public channel once, decoded', async () => {
    const name = clients.name('orders');
    const { recorder } = await subscribeTo(clients.pusher(), name);
    const data = { id: 7, text: 'ünïcode ✓ \u2028 "quoted"', nested: [{ a: null }] };
    await clients.sdk.trigger(name, 'App\\Events\\OrderShipped', data);
    await clients.fence(name, recorder);
    expect(recorder.all('App\\Events\\OrderShipped')).toEqual([data]);
  });

  test('3.8 receives nothing after unsubscribing', async () => {
    const name = clients.name('orders');
    const { recorder: subscribed } = await subscribeTo(clients.pusher(), name);
    const pusher = clients.pusher();
    const { recorder } = await subscribeTo(pusher, name);
    pusher.unsubscribe(name);
    await expect
      .poll(async () => ask(clients.sdk, `/channels/${name}`, { info: 'subscription_count' }))
      .toEqual({ occupied: true, subscription_count: 1 });
    await clients.sdk.trigger(name, 'late', {});
    await clients.fence(name, subscribed);
    expect([subscribed.count('late'), recorder.count('late')]).toEqual([1, 0]);
  });

  test('3.5 subscribes to a private channel that its application has signed', async () => {
    const name = clients.name('private-orders');
    const { recorder } = await subscribeTo(clients.pusher(), name);
    await clients.sdk.trigger(name, 'shipped', 'a plain string');
    expect(await recorder.next('shipped')).toBe('a plain string');
  });

  test('3.6 receives an error for a refused channel and remains connected', async () => {
    const pusher = clients.pusher();
    const errors = new EventRecorder(pusher.connection);
    const name = clients.name('private-missigned');
    const refused = new EventRecorder(pusher.subscribe(name));
    expect(await refused.next('pusher:subscription_error')).toMatchObject({ type: 'AuthError', status: 401 });
    expect(await errors.next('error')).toMatchObject({ type: 'PusherError', data: { code: 4009 } });
    const other = clients.name('orders');
    const { recorder } = await subscribeTo(pusher, other);
    await clients.fence(other, recorder);
    expect(pusher.connection.state).toBe('connected');
    expect(await ask(clients.sdk, `/channels/${name}`)).toEqual({ occupied: false });
  });

  test('3.6 reports a refusal of its own application', async () => {
    const refused = new EventRecorder(clients.pusher().subscribe(clients.name('private-forbidden')));
    expect(await refused.next('pusher:subscription_error')).toMatchObject({ type: 'AuthError', status: 403 });
  });

  test('7.7 decrypts events, which the server has only encrypted', async () => {
    const name = clients.name('private-encrypted-orders');
    const pusher = clients.pusher();
    const wire = new EventRecorder(pusher.connection);
    const { recorder } = await subscribeTo(pusher, name);
    await clients.sdk.trigger(name, 'secret', { pin: '1234' });
    expect(await recorder.next('secret')).toEqual({ pin: '1234' });
    const frames = wire.all('message').filter((frame) => (frame as { event: string }).event === 'secret');
    expect(frames).toHaveLength(1);
    expect(Object.keys((frames[0] as { data: object }).data).sort()).toEqual(['ciphertext', 'nonce']);
  });
});

describe('cache channels', () => {
  for (const kind of ['cache', 'private-cache', 'presence-cache', 'private-encrypted-cache']) {
    test(`3.10 a new subscriber of a ${kind} channel receives a cache miss, later the last event`, async () => {
      const name = clients.name(kind);
      const first = await subscribeTo(clients.pusher('1'), name);
      await first.recorder.next('pusher:cache_miss');
      await clients.sdk.trigger(name, 'price', { cents: 1 });
      await clients.sdk.trigger(name, 'price', { cents: 2 });
      const second = await subscribeTo(clients.pusher('2'), name);
      expect(await second.recorder.next('price')).toEqual({ cents: 2 });
      await clients.fence(name, second.recorder);
      expect(second.recorder.all('price')).toEqual([{ cents: 2 }]);
      expect(second.recorder.count('pusher:cache_miss')).toBe(0);
    });
  }
});

describe('presence', () => {
  test('4.3 a new member receives the whole roster, with itself', async () => {
    const name = clients.name('presence-room');
    await subscribeTo(clients.pusher('7'), name);
    const { channel } = await subscribeTo(clients.pusher('9'), name);
    const members = membersOf(channel);
    expect(members.count).toBe(2);
    expect(members.members).toEqual({ '7': userInfo('7'), '9': userInfo('9') });
    expect(members.me).toEqual({ id: '9', info: userInfo('9') });
  });

  test('4.4 the other members receive one join and one leave of a user with several sockets', async () => {
    const name = clients.name('presence-room');
    const { recorder, channel } = await subscribeTo(clients.pusher('7'), name);
    const tabs = [clients.pusher('9'), clients.pusher('9')];
    for (const tab of tabs) await subscribeTo(tab, name);
    tabs[0]?.disconnect();
    expect(await recorder.next('pusher:member_added')).toEqual({ id: '9', info: userInfo('9') });
    tabs[1]?.disconnect();
    expect(await recorder.next('pusher:member_removed')).toMatchObject({ id: '9' });
    await clients.fence(name, recorder);
    expect([recorder.count('pusher:member_added'), recorder.count('pusher:member_removed')]).toEqual([1, 1]);
    expect(membersOf(channel).count).toBe(1);
  });
});

describe('client events', () => {
  for (const kind of ['private', 'presence', 'public', 'private-cache']) {
    test(`5.3 reach the others on a ${kind} channel, never the sender`, async () => {
      const name = clients.name(kind);
      const sender = await subscribeTo(clients.pusher('7'), name);
      const listener = await subscribeTo(clients.pusher('9'), name);
      const data = { typing: true, name: 'Ü' };
      expect(sender.channel.trigger('client-typing', data)).toBe(true);
      expect(await listener.recorder.next('client-typing')).toEqual(data);
      await clients.fence(name, sender.recorder);
      expect(sender.recorder.count('client-typing')).toBe(0);
      expect(listener.recorder.count('client-typing')).toBe(1);
    });
  }

  test('5.4 carry the id of the member who sent them', async () => {
    const name = clients.name('presence-room');
    const sender = await subscribeTo(clients.pusher('7'), name);
    const listener = await subscribeTo(clients.pusher('9'), name);
    const senders = new EventRecorder({ bind_global: () => undefined });
    listener.channel.bind('client-typing', (_data: unknown, metadata: unknown) => {
      senders.record('client-typing', metadata);
    });
    sender.channel.trigger('client-typing', {});
    expect(await senders.next('client-typing')).toEqual({ user_id: '7' });
  });

  test('5.5 more than WAVEHALL_MAX_CLIENT_EVENTS_PER_SECOND are answered with an error, and the socket remains open', async () => {
    const name = clients.name('private-room');
    const pusher = clients.pusher('7');
    const errors = new EventRecorder(pusher.connection);
    const { channel, recorder } = await subscribeTo(pusher, name);
    const listener = await subscribeTo(clients.pusher('9'), name);
    for (let count = 0; count < 20; count += 1) channel.trigger('client-flood', {});
    expect(await errors.next('error')).toMatchObject({ data: { code: 4301 } });
    await clients.fence(name, recorder);
    await clients.fence(name, listener.recorder);
    expect(listener.recorder.count('client-flood')).toBeGreaterThanOrEqual(10);
    expect(listener.recorder.count('client-flood')).toBeLessThan(20);
    expect(pusher.connection.state).toBe('connected');
  });
});

describe('users', () => {
  test('6.1 signs in with the signature of its application', async () => {
    const pusher = clients.pusher('30');
    pusher.signin();
    await pusher.user.signinDonePromise;
    expect(pusher.user.user_data).toMatchObject({ id: '30', user_info: userInfo('30') });
  });

  test('6.4 delivers an event to every window of a user, and to no other user', async () => {
    const windows = ['31', '31', '32'].map((user) => clients.pusher(user));
    const recorders = windows.map((window) => new EventRecorder(window.user));
    for (const window of windows) {
      const wire = new EventRecorder(window.connection);
      window.signin();
      await wire.until(
        () =>
          wire
            .all('message')
            .some(
              (frame) =>
                (frame as { event: string; channel?: string }).channel?.startsWith('#server-to-user-') ===
                true,
            ),
        'subscription to the channel of the user',
      );
    }
    await clients.sdk.sendToUser('31', 'greeting', { text: 'hello' });
    await clients.sdk.sendToUser('32', 'greeting', { text: 'bye' });
    expect(await recorders[0]?.next('greeting')).toEqual({ text: 'hello' });
    expect(await recorders[1]?.next('greeting')).toEqual({ text: 'hello' });
    expect(await recorders[2]?.next('greeting')).toEqual({ text: 'bye' });
    expect(recorders.map((recorder) => recorder.count('greeting'))).toEqual([1, 1, 1]);
  });

  test('6.5 sends online and offline of a watched user to its watchers', async () => {
    const watcher = clients.pusher('40');
    const recorder = new EventRecorder(watcher.user.watchlist);
    watcher.signin();
    expect(await recorder.next('offline')).toEqual({ name: 'offline', user_ids: ['41'] });
    const watched = clients.pusher('41');
    watched.signin();
    expect(await recorder.next('online')).toEqual({ name: 'online', user_ids: ['41'] });
    watched.disconnect();
    expect(await recorder.next('offline')).toEqual({ name: 'offline', user_ids: ['41'] });
  });

  test('6.3 a sign-in with a wrong signature ends the connection, without a reconnect', async () => {
    const pusher = clients.pusher('missigned');
    const connection = new EventRecorder(pusher.connection);
    pusher.signin();
    await connection.next('disconnected');
    expect(connection.all('error')).toContainEqual(
      expect.objectContaining({ data: { code: 4009, message: 'Connection not authorized.' } }),
    );
    expect(connection.count('connecting_in')).toBe(0);
  });

  test('6.7 a terminated user is disconnected on every socket, without a reconnect', async () => {
    const name = clients.name('presence-room');
    const signedIn = clients.pusher('50');
    signedIn.signin();
    await inState(signedIn, 'connected');
    await signedIn.user.signinDonePromise;
    const member = clients.pusher('50');
    await subscribeTo(member, name);
    const other = await subscribeTo(clients.pusher('51'), name);
    const recorders = [signedIn, member].map((pusher) => new EventRecorder(pusher.connection));
    await clients.sdk.terminateUserConnections('50');
    for (const recorder of recorders) {
      await recorder.next('disconnected');
      expect(recorder.all('error')).toContainEqual(
        expect.objectContaining({ data: { code: 4009, message: 'You got disconnected by the app.' } }),
      );
    }
    expect(await other.recorder.next('pusher:member_removed')).toMatchObject({ id: '50' });
    await clients.fence(name, other.recorder);
  });
});
