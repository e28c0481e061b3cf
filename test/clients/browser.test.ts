/** The browser builds of pusher-js and Laravel Echo in Chromium, against the real server process. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { APP } from '../support/app.ts';
import { launchChromium, withChromium } from '../support/browser.ts';
import { startServer } from '../support/server.ts';
import { userInfo } from './application.ts';
import { EventRecorder } from './event-recorder.ts';
import {
  authFor,
  echoOptions,
  openClients,
  optionsFor,
  type Echo,
  type Pusher,
  type ClientsContext,
} from './stock-clients.ts';

const RECONNECT_MS = 40_000;

/** Globals of the page: both libraries, and a function that passes events to the test's recorder. */
interface InPage {
  Pusher: new (key: string, options: object) => Pusher;
  Echo: new (options: object) => Echo<'reverb'>;
  record(event: string, data: unknown): void;
  pusher: Pusher;
  echo: Echo<'reverb'>;
}

/** One browser window, and the events that its page has received. */
class BrowserWindow {
  readonly page: Page;
  readonly recorder = new EventRecorder({ bind_global: () => undefined });
  /** Addresses of the WebSockets that the page has opened. */
  readonly sockets: string[] = [];
  readonly #clients: ClientsContext;
  readonly #user: string;

  private constructor(page: Page, clients: ClientsContext, user: string) {
    this.page = page;
    this.#clients = clients;
    this.#user = user;
  }

  static async open(browser: Browser, clients: ClientsContext, user: string): Promise<BrowserWindow> {
    const page = await browser.newPage();
    const window = new BrowserWindow(page, clients, user);
    page.on('websocket', (socket) => window.sockets.push(socket.url()));
    await page.exposeFunction('record', (event: string, data: unknown) =>
      window.recorder.record(event, data),
    );
    await page.goto(clients.application.url);
    await page.waitForFunction(() => 'Pusher' in globalThis && 'Echo' in globalThis);
    return window;
  }

  async connect(key = APP.key): Promise<void> {
    const options = {
      ...optionsFor(this.#clients.server),
      ...authFor(this.#clients.application, this.#user),
    };
    await this.page.evaluate(
      ([given, withOptions]) => {
        const globals = globalThis as unknown as InPage;
        globals.pusher = new globals.Pusher(given, withOptions);
        const { connection } = globals.pusher;
        connection.bind('state_change', ({ current }: { current: string }) => globals.record(current, {}));
        connection.bind('error', (error: unknown) => globals.record('error', error));
      },
      [key, options] as const,
    );
  }

  /** Subscribes and records the channel's events. */
  async subscribe(name: string): Promise<void> {
    await this.page.evaluate((channel) => {
      const globals = globalThis as unknown as InPage;
      globals.pusher
        .subscribe(channel)
        .bind_global((event: string, data: unknown) => globals.record(event, data));
    }, name);
    await this.recorder.next('pusher:subscription_succeeded');
  }

  async openEcho(broadcaster: string): Promise<void> {
    const options = {
      ...echoOptions(this.#clients.application, this.#user),
      ...optionsFor(this.#clients.server),
    };
    await this.page.evaluate(
      (given) => {
        const globals = globalThis as unknown as InPage;
        globals.echo = new globals.Echo(given);
      },
      { broadcaster, ...options },
    );
  }

  /** Runs in the page, with the globals of `InPage`. */
  run(script: (name: string) => unknown, name: string): Promise<unknown> {
    return this.page.evaluate(script, name);
  }
}

withChromium('2.3 stock clients in a browser', () => {
  let browser: Browser;
  let clients: ClientsContext;
  const cleanups: (() => Promise<unknown>)[] = [];
  const windows: BrowserWindow[] = [];
  const open = async (user = '1'): Promise<BrowserWindow> => {
    const window = await BrowserWindow.open(browser, clients, user);
    windows.push(window);
    return window;
  };

  beforeAll(async () => {
    clients = await openClients({}, { '40': ['41'] });
    cleanups.push(() => clients.close());
    browser = await launchChromium();
    cleanups.push(() => browser.close());
  });
  afterEach(async () => {
    for (const { page } of windows.splice(0)) await page.close();
  });
  afterAll(async () => {
    for (const cleanup of cleanups.toReversed()) await cleanup();
  });

  describe('pusher-js', () => {
    test('2.3 connects on the first attempt', async () => {
      const window = await open();
      await window.connect();
      await window.recorder.next('connected');
      expect(window.sockets).toHaveLength(1);
    });

    test('2.5 does not reconnect after an unknown key', async () => {
      const window = await open();
      await window.connect('nope');
      await window.recorder.next('disconnected');
      expect(window.recorder.all('error')).toContainEqual(
        expect.objectContaining({
          error: expect.objectContaining({ data: expect.objectContaining({ code: 4001 }) }),
        }),
      );
      expect(window.sockets).toHaveLength(1);
    });

    for (const kind of ['orders', 'private-orders', 'presence-room', 'private-encrypted-orders']) {
      test(`3.13 receives an event on ${kind} once`, async () => {
        const name = clients.name(kind);
        const window = await open();
        await window.connect();
        await window.subscribe(name);
        await clients.sdk.trigger(name, 'shipped', { id: 1, text: 'ünïcode' });
        await clients.fence(name, window.recorder);
        expect(window.recorder.all('shipped')).toEqual([{ id: 1, text: 'ünïcode' }]);
      });
    }

    test('3.10 receives the last event of a cache channel', async () => {
      const name = clients.name('cache-price');
      await clients.sdk.trigger(name, 'price', { cents: 2 });
      const window = await open();
      await window.connect();
      await window.subscribe(name);
      expect(await window.recorder.next('price')).toEqual({ cents: 2 });
    });

    test('5.3 whispers reach the other window only', async () => {
      const name = clients.name('private-room');
      const [sender, listener] = [await open('7'), await open('9')];
      for (const window of [sender, listener]) {
        await window.connect();
        await window.subscribe(name);
      }
      await sender.run((channel) => {
        (globalThis as unknown as InPage).pusher.channel(channel).trigger('client-typing', { n: 1 });
      }, name);
      expect(await listener.recorder.next('client-typing')).toEqual({ n: 1 });
      await clients.fence(name, sender.recorder);
      expect(sender.recorder.count('client-typing')).toBe(0);
    });

    test('6.4 signs in, receives events of its user, and receives the online event of a watched user', async () => {
      const [watcher, watched] = [await open('40'), await open('41')];
      for (const window of [watcher, watched]) {
        await window.connect();
        await window.page.evaluate(() => {
          const globals = globalThis as unknown as InPage;
          globals.pusher.user.bind_global((event: string, data: unknown) => globals.record(event, data));
          globals.pusher.user.watchlist.bind('online', (data: unknown) => globals.record('online', data));
          globals.pusher.signin();
        });
      }
      expect(await watcher.recorder.next('online')).toEqual({ name: 'online', user_ids: ['41'] });
      await watcher.page.waitForFunction(() => {
        const { user } = (globalThis as unknown as InPage).pusher;
        return user.user_data !== null && user.serverToUserChannel.subscribed;
      });
      await clients.sdk.sendToUser('40', 'greeting', { text: 'hello' });
      expect(await watcher.recorder.next('greeting')).toEqual({ text: 'hello' });
    });

    test('6.7 a terminated user is disconnected and does not reconnect', async () => {
      const window = await open('50');
      await window.connect();
      await window.subscribe(clients.name('presence-room'));
      await clients.sdk.terminateUserConnections('50');
      await window.recorder.next('disconnected');
      expect(window.sockets).toHaveLength(1);
    });
  });

  for (const broadcaster of ['reverb', 'pusher']) {
    describe(`Echo, broadcaster ${broadcaster}`, () => {
      test('3.13 channel() and private() receive events', async () => {
        const name = clients.name('orders');
        const window = await open();
        await window.openEcho(broadcaster);
        await window.run((channel) => {
          const globals = globalThis as unknown as InPage;
          for (const [kind, subscription] of [
            ['public', globals.echo.channel(channel)],
            ['private', globals.echo.private(channel)],
          ] as const) {
            subscription.listen('OrderShipped', (data: unknown) => globals.record(kind, data));
            subscription.subscribed(() => globals.record('subscribed', {}));
          }
        }, name);
        await window.recorder.next('subscribed');
        await window.recorder.next('subscribed');
        await clients.sdk.trigger([name, `private-${name}`], 'App\\Events\\OrderShipped', { id: 1 });
        expect(await window.recorder.next('public')).toEqual({ id: 1 });
        expect(await window.recorder.next('private')).toEqual({ id: 1 });
      });

      test('3.6 error() is called with the status', async () => {
        const window = await open();
        await window.openEcho(broadcaster);
        await window.run((channel) => {
          const globals = globalThis as unknown as InPage;
          globals.echo.private(channel).error((data: unknown) => globals.record('refused', data));
        }, clients.name('missigned'));
        expect(await window.recorder.next('refused')).toMatchObject({ type: 'AuthError', status: 401 });
      });

      test('4.4 here(), joining() and leaving() report users, a closed window included, and whisper() sends typing', async () => {
        const name = clients.name('room');
        const [first, second] = [await open('7'), await open('9')];
        for (const window of [first, second]) {
          await window.openEcho(broadcaster);
          await window.run((channel) => {
            const globals = globalThis as unknown as InPage;
            const presence = globals.echo.join(channel);
            presence.here((data: unknown) => globals.record('here', data));
            presence.joining((data: unknown) => globals.record('joining', data));
            presence.leaving((data: unknown) => globals.record('leaving', data));
            presence.listenForWhisper('typing', (data: unknown) => globals.record('typing', data));
          }, name);
          await window.recorder.next('here');
        }
        expect(first.recorder.all('here')).toEqual([[userInfo('7')]]);
        expect(second.recorder.all('here')).toEqual([[userInfo('7'), userInfo('9')]]);
        expect(await first.recorder.next('joining')).toEqual(userInfo('9'));
        await second.run((channel) => {
          (globalThis as unknown as InPage).echo.join(channel).whisper('typing', { name: 'Grace' });
        }, name);
        expect(await first.recorder.next('typing')).toEqual({ name: 'Grace' });
        await second.page.close();
        expect(await first.recorder.next('leaving')).toEqual(userInfo('9'));
      });
    });
  }

  test('2.14 reconnects by itself after kill -9 and a start on the same port', async () => {
    const own = await openClients();
    const window = await BrowserWindow.open(browser, own, '7');
    windows.push(window);
    await window.connect();
    await window.subscribe('presence-room');
    own.server.kill('SIGKILL');
    await own.server.exited;
    const restarted = await startServer({ REVERB_SERVER_PORT: String(own.server.port) });
    try {
      await window.recorder.until(
        () => window.recorder.count('connected') === 2,
        'reconnection',
        RECONNECT_MS,
      );
      await window.recorder.next('pusher:subscription_succeeded');
      await own.sdk.trigger('presence-room', 'shipped', { id: 1 });
      expect(await window.recorder.next('shipped')).toEqual({ id: 1 });
    } finally {
      await restarted.close();
      await own.close();
    }
  }, 60_000);
});
