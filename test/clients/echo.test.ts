/** Laravel Echo as it comes from npm, in Node, with both of its broadcasters, against the real server process. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { userInfo } from './application.ts';
import { Ear } from './ear.ts';
import { openStage, type Stage } from './stock.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});
afterEach(() => stage.clear());
afterAll(() => stage.close());

/** Keeps what Echo's callbacks are given. */
function notes() {
  const ear = new Ear({ bind_global: () => undefined });
  return { ear, as: (event: string) => (data?: unknown) => ear.note(event, data) };
}

for (const broadcaster of ['reverb', 'pusher'] as const) {
  describe(`broadcaster ${broadcaster}`, () => {
    test('3.13 listen() receives events of Laravel, by class and by name', async () => {
      const name = stage.name('orders');
      const { ear, as } = notes();
      const echo = stage.echo(broadcaster);
      echo
        .channel(name)
        .listen('OrderShipped', as('class'))
        .listen('.order.shipped', as('name'))
        .notification(as('notification'))
        .subscribed(as('subscribed'));
      await ear.next('subscribed');
      expect(echo.connectionStatus()).toBe('connected');
      await stage.sdk.trigger(name, 'App\\Events\\OrderShipped', { id: 1 });
      await stage.sdk.trigger(name, 'order.shipped', { id: 2 });
      const notification = 'Illuminate\\Notifications\\Events\\BroadcastNotificationCreated';
      await stage.sdk.trigger(name, notification, { id: 3 });
      expect(await ear.next('notification')).toEqual({ id: 3 });
      expect([ear.all('class'), ear.all('name')]).toEqual([[{ id: 1 }], [{ id: 2 }]]);
    });

    test('3.5 private() receives the events of its channel', async () => {
      const name = stage.name('orders');
      const { ear, as } = notes();
      stage.echo(broadcaster).private(name).listen('.shipped', as('shipped')).subscribed(as('subscribed'));
      await ear.next('subscribed');
      await stage.sdk.trigger(`private-${name}`, 'shipped', { id: 1 });
      expect(await ear.next('shipped')).toEqual({ id: 1 });
    });

    test('3.6 error() is called when the server refuses, and when the application does', async () => {
      const { ear, as } = notes();
      const echo = stage.echo(broadcaster);
      echo.private(stage.name('missigned')).error(as('server'));
      expect(await ear.next('server')).toMatchObject({ type: 'AuthError', status: 401 });
      echo.join(stage.name('missigned')).error(as('server on presence'));
      expect(await ear.next('server on presence')).toMatchObject({ type: 'AuthError', status: 401 });
      echo.private(stage.name('forbidden')).error(as('application'));
      expect(await ear.next('application')).toMatchObject({ type: 'AuthError', status: 403 });
      expect(echo.connectionStatus()).toBe('connected');
    });

    test('4.3 here() receives every user, and no null', async () => {
      const name = stage.name('room');
      const first = notes();
      stage.echo(broadcaster, '7').join(name).here(first.as('here'));
      expect(await first.ear.next('here')).toEqual([userInfo('7')]);
      const second = notes();
      stage.echo(broadcaster, '9').join(name).here(second.as('here'));
      expect(await second.ear.next('here')).toEqual([userInfo('7'), userInfo('9')]);
    });

    test('4.4 joining() and leaving() are called once for each user', async () => {
      const name = stage.name('room');
      const { ear, as } = notes();
      stage
        .echo(broadcaster, '7')
        .join(name)
        .here(as('here'))
        .joining(as('joining'))
        .leaving(as('leaving'))
        .listen('.fence', as('fence'));
      await ear.next('here');
      const other = stage.echo(broadcaster, '9');
      other.join(name);
      expect(await ear.next('joining')).toEqual(userInfo('9'));
      other.leave(name);
      expect(await ear.next('leaving')).toEqual(userInfo('9'));
      other.join(name);
      await ear.next('joining');
      other.disconnect();
      await ear.next('leaving');
      await stage.sdk.trigger(`presence-${name}`, 'fence', {});
      await ear.next('fence');
      expect([ear.count('here'), ear.count('joining'), ear.count('leaving')]).toEqual([1, 2, 2]);
    });

    for (const kind of ['private', 'join'] as const) {
      test(`5.3 whisper() reaches the others on ${kind}(), never the sender`, async () => {
        const name = stage.name('room');
        const [sender, listener] = [notes(), notes()];
        const enter = (user: string, { as }: typeof sender) =>
          stage
            .echo(broadcaster, user)
            [kind](name)
            .listenForWhisper('typing', as('typing'))
            .listen('.fence', as('fence'))
            .subscribed(as('subscribed'));
        const room = enter('7', sender) as unknown as { whisper(event: string, data: unknown): void };
        enter('9', listener);
        await Promise.all([sender.ear.next('subscribed'), listener.ear.next('subscribed')]);
        room.whisper('typing', { name: 'Ada' });
        expect(await listener.ear.next('typing')).toEqual({ name: 'Ada' });
        await stage.sdk.trigger(`${kind === 'join' ? 'presence' : 'private'}-${name}`, 'fence', {});
        await sender.ear.next('fence');
        expect(sender.ear.count('typing')).toBe(0);
      });
    }

    test('7.7 encryptedPrivate() decrypts', async () => {
      const name = stage.name('orders');
      const { ear, as } = notes();
      stage
        .echo(broadcaster)
        .encryptedPrivate(name)
        .listen('.shipped', as('shipped'))
        .subscribed(as('subscribed'));
      await ear.next('subscribed');
      await stage.sdk.trigger(`private-encrypted-${name}`, 'shipped', { pin: '1234' });
      expect(await ear.next('shipped')).toEqual({ pin: '1234' });
    });

    test('8.4 toOthers() excludes the window whose socketId() is named', async () => {
      const name = stage.name('orders');
      const [sender, other] = [notes(), notes()];
      const listen = ({ as }: typeof sender) => {
        const echo = stage.echo(broadcaster);
        echo
          .channel(name)
          .listen('.shipped', as('shipped'))
          .listen('.fence', as('fence'))
          .subscribed(as('subscribed'));
        return echo;
      };
      const echo = listen(sender);
      listen(other);
      await Promise.all([sender.ear.next('subscribed'), other.ear.next('subscribed')]);
      await stage.sdk.trigger(name, 'shipped', { id: 1 }, { socket_id: echo.socketId() ?? '' });
      await stage.sdk.trigger(name, 'fence', {});
      await Promise.all([sender.ear.next('fence'), other.ear.next('fence')]);
      expect([sender.ear.count('shipped'), other.ear.count('shipped')]).toEqual([0, 1]);
    });
  });
}
