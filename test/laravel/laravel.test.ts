/**
 * examples/laravel on a stock Laravel with Wavehall, its page in two Chromium windows.
 *
 * Laravel 8 can be installed from every Composer mirror, so it is required. WAVEHALL_LARAVEL_APP names the folder of a
 * Laravel 12 app whose packages are installed; then the same tests run on those packages too.
 */
import { rm } from 'node:fs/promises';
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { subscribeTo, optionsFor, Pusher } from '../clients/stock-clients.ts';
import { launchChromium } from '../support/browser.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { assemble, configure, type Connection } from './app-folder.ts';
import { laravel8, laravelOf, type Laravel } from './packages.ts';
import { artisan, sdk, serve, type WebServer } from './php.ts';
import { missingRequirements } from './requirements.ts';
import { Window } from './windows.ts';

const CREDENTIALS = { REVERB_APP_ID: 'app-id', REVERB_APP_KEY: 'app-key', REVERB_APP_SECRET: 'app-secret' };
const SETUP_MS = 300_000;
const TEST_MS = 60_000;

const named = process.env['WAVEHALL_LARAVEL_APP'];
const laravels = named === undefined ? [laravel8] : [laravel8, laravelOf(named)];
const connections: Connection[] = ['pusher', 'reverb'];
const missing = missingRequirements();

if (missing === undefined) {
  for (const laravel of laravels) {
    for (const connection of connections) {
      describe(`${laravel.name}, BROADCAST_CONNECTION=${connection}`, () => scenario(laravel, connection));
    }
  }
} else if (process.env['CI'] === undefined) {
  test.skip(`3.13 a stock Laravel app broadcasts through the server (skipped: ${missing})`);
} else {
  test('3.13 a stock Laravel app broadcasts through the server', () => {
    throw new Error(missing);
  });
}

function scenario(laravel: Laravel, connection: Connection): void {
  const cleanups: (() => Promise<unknown>)[] = [];
  let folder: string;
  let web: WebServer;
  let server: TestServer;
  let browser: Browser;
  let ada: Window;
  let grace: Window;

  const newUser = async (): Promise<BrowserContext> => browser.newContext();
  const postShownInBoth = async (text: string) => {
    await Promise.all([ada.postShown(text), grace.postShown(text)]);
  };
  /** Barrier: publishes a post and waits for it in both windows; all earlier events have been delivered by then. */
  const waitForPost = async (text: string) => {
    await artisan(folder, 'feed:post', text);
    await postShownInBoth(text);
  };

  beforeAll(async () => {
    folder = await assemble(laravel);
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    server = await startServer({ ...CREDENTIALS, WAVEHALL_EXTRA_CHANNEL_CHARACTERS: '+ %' });
    cleanups.push(() => server.close());
    await configure(folder, connection, server.port);
    await artisan(folder, 'migrate', '--seed', '--force');
    web = await serve(folder);
    cleanups.push(() => web.close());
    browser = await launchChromium();
    cleanups.push(() => browser.close());
  }, SETUP_MS);

  afterAll(async () => {
    for (const cleanup of cleanups.toReversed()) await cleanup();
  });

  test('8.6 the PHP SDK reads an empty list of channels', { timeout: TEST_MS }, async () => {
    expect(await sdk(folder, 'getChannels')).toEqual({ channels: [] });
  });

  test('7.4 the PHP SDK requests names with +, % and spaces', { timeout: TEST_MS }, async () => {
    // Version 4 of the SDK does not encode a space in the URL, which is invalid HTTP.
    const names = ['a+b', 'a%2Bb', 'a%20b', ...(laravel === laravel8 ? [] : ['a b'])];
    const pusher = new Pusher(CREDENTIALS.REVERB_APP_KEY, optionsFor(server));
    for (const name of names) await subscribeTo(pusher, name);
    for (const name of names) {
      const query = { filter_by_prefix: name, info: 'subscription_count' };
      expect(await sdk(folder, 'getChannels', query)).toEqual({
        channels: { [name]: { subscription_count: 1 } },
      });
    }
    pusher.disconnect();
    await expect.poll(() => sdk(folder, 'getChannels')).toEqual({ channels: [] });
  });

  test('2.3 connects both windows when two users log in', { timeout: TEST_MS }, async () => {
    ada = await Window.open(await newUser(), web.url, 'Ada');
    grace = await Window.open(await newUser(), web.url, 'Grace');
    expect(ada.frames[0]?.event).toBe('pusher:connection_established');
    expect(await grace.socketId()).not.toBe(await ada.socketId());
  });

  test('4.3 each window shows the members of the channel', { timeout: TEST_MS }, async () => {
    await Promise.all([ada.usersAre('Ada', 'Grace'), grace.usersAre('Ada', 'Grace')]);
    await ada.messageShown('event', 'Grace came in');
  });

  test('4.4 a user with two windows joins once and leaves once', { timeout: TEST_MS }, async () => {
    const joan = await newUser();
    const first = await Window.open(joan, web.url, 'Joan');
    await Promise.all([ada.usersAre('Ada', 'Grace', 'Joan'), first.usersAre('Ada', 'Grace', 'Joan')]);
    const second = await Window.open(joan, web.url, 'Joan');
    await second.usersAre('Ada', 'Grace', 'Joan');
    await first.page.close();
    await waitForPost('One window of Joan is closed');
    await second.postShown('One window of Joan is closed');
    expect(ada.count('pusher_internal:member_removed')).toBe(0);

    await second.page.close();
    await ada.messageShown('event', 'Joan left');
    await Promise.all([ada.usersAre('Ada', 'Grace'), grace.usersAre('Ada', 'Grace')]);
    expect(ada.count('pusher_internal:member_added')).toBe(2);
    expect(ada.count('pusher_internal:member_removed')).toBe(1);
    await joan.close();
  });

  test('3.13 an event from the server reaches every window once', { timeout: TEST_MS }, async () => {
    await artisan(folder, 'feed:post', 'From artisan');
    await postShownInBoth('From artisan');
    await ada.post('From the page of Ada');
    await postShownInBoth('From the page of Ada');
    for (const window of [ada, grace]) {
      const texts = window.frames
        .filter((frame) => frame.channel === 'feed')
        .map((frame) => String(frame.data));
      expect(texts.filter((text) => text.includes('From artisan'))).toHaveLength(1);
      expect(texts.filter((text) => text.includes('From the page of Ada'))).toHaveLength(1);
    }
  });

  test(
    '3.5 only the owner of an order receives events of its private channel',
    { timeout: TEST_MS },
    async () => {
      await grace.press(1, 'move');
      await ada.outcomeShown(1, 'Brewing: heard on private-orders.1');
      await waitForPost('The order of Ada is brewing');
      expect(ada.count('App\\Events\\OrderMoved')).toBe(1);
      expect(grace.count('App\\Events\\OrderMoved')).toBe(0);
    },
  );

  test('3.6 the page shows that a channel is refused', { timeout: TEST_MS }, async () => {
    await grace.press(1, 'listen');
    await grace.outcomeShown(1, 'Refused (403)');
    await ada.press(1, 'move');
    await ada.outcomeShown(1, 'Ready');
    await waitForPost('The order of Ada is ready');
    expect(grace.count('App\\Events\\OrderMoved')).toBe(0);
  });

  test('5.3 a typing whisper reaches the other window only', { timeout: TEST_MS }, async () => {
    await ada.type('Is the');
    await grace.typingShown('Ada is typing');
    await waitForPost('Ada has whispered');
    expect(grace.count('client-typing')).toBeGreaterThan(0);
    expect(ada.count('client-typing')).toBe(0);
  });

  test('5.4 a whisper carries the id of the member who sent it', () => {
    const whisper = grace.frames.find((frame) => frame.event === 'client-typing');
    expect(whisper).toMatchObject({ channel: 'presence-room' });
    expect(String(whisper?.user_id)).toBe('1');
  });

  test('8.4 toOthers() excludes the window that sent the message', { timeout: TEST_MS }, async () => {
    await ada.sendMessage('Is the window seat free?');
    await grace.messageShown('theirs', 'Is the window seat free?');
    await ada.messageShown('mine', 'Is the window seat free?');
    await waitForPost('Ada has asked');
    expect(grace.count('App\\Events\\MessageSent')).toBe(1);
    expect(ada.count('App\\Events\\MessageSent')).toBe(0);
  });

  test('8.6 the PHP SDK lists the channels', { timeout: TEST_MS }, async () => {
    const { channels } = (await sdk(folder, 'getChannels')) as { channels: object };
    const expected = ['feed', 'presence-room', 'private-orders.1', 'private-orders.2'];
    expect(Object.keys(channels).toSorted()).toEqual(expected);
    const query = { filter_by_prefix: 'presence-', info: 'user_count' };
    expect(await sdk(folder, 'getChannels', query)).toEqual({
      channels: { 'presence-room': { user_count: 2 } },
    });
  });

  test('8.7 the PHP SDK describes a channel', { timeout: TEST_MS }, async () => {
    const info = await sdk(folder, 'getChannelInfo', 'presence-room', {
      info: 'user_count,subscription_count',
    });
    expect(info).toMatchObject({ occupied: true, user_count: 2 });
  });

  test('8.8 the PHP SDK lists the members', { timeout: TEST_MS }, async () => {
    const { users } = (await sdk(folder, 'getPresenceUsers', 'presence-room')) as {
      users: { id: unknown }[];
    };
    expect(users.map(({ id }) => String(id)).toSorted()).toEqual(['1', '2']);
  });

  test('8.4 the PHP SDK triggers an event', { timeout: TEST_MS }, async () => {
    const data = { text: 'From the SDK', by: 'SDK' };
    await sdk(folder, 'trigger', ['feed'], 'App\\Events\\PostPublished', data);
    await postShownInBoth('From the SDK');
  });

  test('8.5 the PHP SDK triggers a batch', { timeout: TEST_MS }, async () => {
    const event = (text: string) => ({
      channel: 'feed',
      name: 'App\\Events\\PostPublished',
      data: { text, by: 'SDK' },
    });
    await sdk(folder, 'triggerBatch', [event('First of a batch'), event('Second of a batch')]);
    await postShownInBoth('First of a batch');
    await postShownInBoth('Second of a batch');
  });

  test('2.14 both windows reconnect after the server was killed', { timeout: TEST_MS }, async () => {
    const windows = [ada, grace];
    const before = await Promise.all(windows.map((window) => window.socketId()));
    const received = windows.map((window) => window.frames.length);
    const { port } = server;
    server.kill('SIGKILL');
    await server.exited;
    await Promise.all(windows.map((window) => window.notConnected()));

    server = await startServer({ ...CREDENTIALS, REVERB_SERVER_PORT: String(port) });
    await Promise.all(windows.map((window) => window.connected()));
    await Promise.all(windows.map((window) => window.usersAre('Ada', 'Grace')));
    for (const [index, window] of windows.entries()) {
      expect(await window.socketId()).not.toBe(before[index]);
      await expect
        .poll(() => window.count('pusher_internal:subscription_succeeded', received[index]), {
          timeout: 10_000,
        })
        .toBe(3);
    }
  });

  test('3.13 events of every kind are delivered again after the restart', { timeout: TEST_MS }, async () => {
    await waitForPost('Open again');
    await ada.press(2, 'move');
    await grace.outcomeShown(2, 'Brewing');
    await grace.sendMessage('I kept the seat for you');
    await ada.messageShown('theirs', 'I kept the seat for you');
    await ada.type('Thank you');
    await grace.typingShown('Ada is typing');
  });

  test(
    '8.9 the PHP SDK ends the connections of one user, without a reconnect',
    { timeout: TEST_MS },
    async () => {
      await sdk(folder, 'terminateUserConnections', '2');
      await grace.disconnected();
      await ada.usersAre('Ada');
      await ada.connected();
      await grace.reconnect();
      await Promise.all([ada.usersAre('Ada', 'Grace'), grace.usersAre('Ada', 'Grace')]);
    },
  );

  test('1.2 no message of the server causes a script error on the page', () => {
    expect([...ada.failures, ...grace.failures]).toEqual([]);
  });
}
