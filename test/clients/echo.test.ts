/** Unmodified Laravel Echo in Node, with both of its broadcasters, against the real server process. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { userInfo } from './application.ts';
import { EventRecorder } from './event-recorder.ts';
import { openClients, type ClientsContext } from './stock-clients.ts';

let clients: ClientsContext;

beforeAll(async () => {
  clients = await openClients();
});
afterEach(() => clients.clear());
afterAll(() => clients.close());

/** Records the arguments of Echo's callbacks. */
function startRecording() {
  const recorder = new EventRecorder({ bind_global: () => undefined });
  return { recorder, as: (event: string) => (data?: unknown) => recorder.record(event, data) };
}

for (const broadcaster of ['reverb', 'pusher'] as const) {
  describe(`broadcaster ${broadcaster}`, () => {
    test('3.13 listen() receives events of Laravel, by class and by name', async () => {
      const name = clients.name('orders');
      const { recorder, as } = startRecording();
      const echo = clients.echo(broadcaster);
      echo
        .channel(name)
        .listen('OrderShipped', as('class'))
        .listen('.order.shipped', as('name'))
        .notification(as('notification'))
        .subscribed(as('subscribed'));
      await recorder.next('subscribed');
      expect(echo.connectionStatus()).toBe('connected');
      await clients.sdk.trigger(name, 'App\\Events\\OrderShipped', { id: 1 });
      await clients.sdk.trigger(name, 'order.shipped', { id: 2 });
      const notification = 'Illuminate\\Notifications\\Events\\BroadcastNotificationCreated';
      await clients.sdk.trigger(name, notification, { id: 3 });
      expect(await recorder.next('notification')).toEqual({ id: 3 });
      expect([recorder.all('class'), recorder.all('name')]).toEqual([[{ id: 1 }], [{ id: 2 }]]);
    });

    test('3.5 private() receives the events of its channel', async () => {
      const name = clients.name('orders');
      const { recorder, as } = startRecording();
      clients.echo(broadcaster).private(name).listen('.shipped', as('shipped')).subscribed(as('subscribed'));
      await recorder.next('subscribed');
      await clients.sdk.trigger(`private-${name}`, 'shipped', { id: 1 });
      expect(await recorder.next('shipped')).toEqual({ id: 1 });
    });

    test('3.6 error() is called when the server refuses, and when the application does', async () => {
      const { recorder, as } = startRecording();
      const echo = clients.echo(broadcaster);
      echo.private(clients.name('missigned')).error(as('server'));
      expect(await recorder.next('server')).toMatchObject({ type: 'AuthError', status: 401 });
      echo.join(clients.name('missigned')).error(as('server on presence'));
      expect(await recorder.next('server on presence')).toMatchObject({ type: 'AuthError', status: 401 });
      echo.private(clients.name('forbidden')).error(as('application'));
      expect(await recorder.next('application')).toMatchObject({ type: 'AuthError', status: 403 });
      expect(echo.connectionStatus()).toBe('connected');
    });

    test('4.3 here() receives every user, and no null', async () => {
      const name = clients.name('room');
      const first = startRecording();
      clients.echo(broadcaster, '7').join(name).here(first.as('here'));
      expect(await first.recorder.next('here')).toEqual([userInfo('7')]);
      const second = startRecording();
      clients.echo(broadcaster, '9').join(name).here(second.as('here'));
      expect(await second.recorder.next('here')).toEqual([userInfo('7'), userInfo('9')]);
    });

    test('4.4 joining() and leaving() are called once for each user', async () => {
      const name = clients.name('room');
      const { recorder, as } = startRecording();
      clients
        .echo(broadcaster, '7')
        .join(name)
        .here(as('here'))
        .joining(as('joining'))
        .leaving(as('leaving'))
        .listen('.fence', as('fence'));
      await recorder.next('here');
      const other = clients.echo(broadcaster, '9');
      other.join(name);
      expect(await recorder.next('joining')).toEqual(userInfo('9'));
      other.leave(name);
      expect(await recorder.next('leaving')).toEqual(userInfo('9'));
      other.join(name);
      await recorder.next('joining');
      other.disconnect();
      await recorder.next('leaving');
      await clients.sdk.trigger(`presence-${name}`, 'fence', {});
      await recorder.next('fence');
      expect([recorder.count('here'), recorder.count('joining'), recorder.count('leaving')]).toEqual([
        1, 2, 2,
      ]);
    });

    for (const kind of ['private', 'join'] as const) {
      test(`5.3 whisper() reaches the others on ${kind}(), never the sender`, async () => {
        const name = clients.name('room');
        const [sender, listener] = [startRecording(), startRecording()];
        const join = (user: string, { as }: typeof sender) =>
          clients
            .echo(broadcaster, user)
            [kind](name)
            .listenForWhisper('typing', as('typing'))
            .listen('.fence', as('fence'))
            .subscribed(as('subscribed'));
        const channel = join('7', sender) as unknown as { whisper(event: string, data: unknown): void };
        join('9', listener);
        await Promise.all([sender.recorder.next('subscribed'), listener.recorder.next('subscribed')]);
        channel.whisper('typing', { name: 'Ada' });
        expect(await listener.recorder.next('typing')).toEqual({ name: 'Ada' });
        await clients.sdk.trigger(`${kind === 'join' ? 'presence' : 'private'}-${name}`, 'fence', {});
        await sender.recorder.next('fence');
        expect(sender.recorder.count('typing')).toBe(0);
      });
    }

    test('7.7 encryptedPrivate() decrypts', async () => {
      const name = clients.name('orders');
      const { recorder, as } = startRecording();
      clients
        .echo(broadcaster)
        .encryptedPrivate(name)
        .listen('.shipped', as('shipped'))
        .subscribed(as('subscribed'));
      await recorder.next('subscribed');
      await clients.sdk.trigger(`private-encrypted-${name}`, 'shipped', { pin: '1234' });
      expect(await recorder.next('shipped')).toEqual({ pin: '1234' });
    });

    test('8.4 toOthers() excludes the window with the given socketId()', async () => {
      const name = clients.name('orders');
      const [sender, other] = [startRecording(), startRecording()];
      const listen = ({ as }: typeof sender) => {
        const echo = clients.echo(broadcaster);
        echo
          .channel(name)
          .listen('.shipped', as('shipped'))
          .listen('.fence', as('fence'))
          .subscribed(as('subscribed'));
        return echo;
      };
      const echo = listen(sender);
      listen(other);
      await Promise.all([sender.recorder.next('subscribed'), other.recorder.next('subscribed')]);
      await clients.sdk.trigger(name, 'shipped', { id: 1 }, { socket_id: echo.socketId() ?? '' });
      await clients.sdk.trigger(name, 'fence', {});
      await Promise.all([sender.recorder.next('fence'), other.recorder.next('fence')]);
      expect([sender.recorder.count('shipped'), other.recorder.count('shipped')]).toEqual([0, 1]);
    });
  });
}
