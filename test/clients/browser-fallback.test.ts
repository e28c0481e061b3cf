/** pusher-js in Chromium behind a proxy that lets no WebSocket through, so that only the HTTP fallback remains. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { APP } from '../support/app.ts';
import { launchChromium, withChromium } from '../support/browser.ts';
import { type RequestBalancer, startRequestBalancer } from '../support/request-balancer.ts';
import { eventually } from '../support/wire.ts';
import { authFor, type ClientsContext, openClients, type Pusher } from './stock-clients.ts';

/** Without TLS, pusher-js tries HTTP 5 seconds after WebSocket. */
const CONNECT_MS = 30_000;

interface InPage {
  Pusher: new (key: string, options: object) => Pusher;
  pusher: Pusher;
  received: unknown[];
}

withChromium('10.3 a browser without WebSocket', () => {
  let browser: Browser;
  let clients: ClientsContext;
  let proxy: RequestBalancer;
  beforeAll(async () => {
    clients = await openClients({ WAVEHALL_HTTP_FALLBACK_AWAY: '2' });
    proxy = await startRequestBalancer(() => [clients.server.port]);
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser.close();
    await proxy.close();
    await clients.close();
  });

  /** A page of another origin, with the options that the documentation names. */
  async function connect(enabledTransports: readonly string[]): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(clients.application.url);
    await page.waitForFunction(() => 'Pusher' in globalThis);
    const place = { host: '127.0.0.1', port: proxy.port };
    const options = {
      ...{ cluster: '', forceTLS: false, enabledTransports },
      ...{ wsHost: place.host, wsPort: place.port, wssPort: place.port },
      ...{ httpHost: place.host, httpPort: place.port, httpsPort: place.port },
      ...authFor(clients.application, '1'),
    };
    await page.evaluate(
      ([key, given]) => {
        const globals = globalThis as unknown as InPage;
        globals.received = [];
        globals.pusher = new globals.Pusher(key, given);
      },
      [APP.key, options] as const,
    );
    await page.waitForFunction(
      () => (globalThis as unknown as InPage).pusher.connection.state === 'connected',
      undefined,
      { timeout: CONNECT_MS },
    );
    return page;
  }

  async function subscribe(page: Page, name: string): Promise<void> {
    await page.evaluate((channel) => {
      const { pusher, received } = globalThis as unknown as InPage;
      const subscribed = pusher.subscribe(channel);
      subscribed.bind('pusher:subscription_succeeded', () => received.push('subscribed'));
      subscribed.bind('e', (data: unknown) => received.push(data));
    }, name);
    await page.waitForFunction(() => (globalThis as unknown as InPage).received.includes('subscribed'));
  }

  const receivedOf = (page: Page): Promise<unknown[]> =>
    page.evaluate(() => (globalThis as unknown as InPage).received);

  for (const [title, transports] of [
    ['with the transports of the documentation', ['ws', 'wss', 'xhr_streaming', 'xhr_polling']],
    ['by streaming', ['xhr_streaming']],
    ['by polling', ['xhr_polling']],
  ] as const)
    test(
      `10.7 connects ${title} from a page of another origin, and gets each event once`,
      async () => {
        const page = await connect(transports);
        const name = clients.name('private-orders');
        await subscribe(page, name);
        // More than one response of a stream may have.
        const sent = Array.from({ length: 60 }, (_, at) => ({ at, text: 'ü'.repeat(4500) }));
        for (const each of sent) await clients.sdk.trigger(name, 'e', each);
        await eventually(async () => (await receivedOf(page)).length > sent.length, 'all events', 15_000);
        expect(await receivedOf(page)).toEqual(['subscribed', ...sent]);
        await page.close();
      },
      CONNECT_MS + 30_000,
    );

  test(
    '10.4 a member whose tab is closed leaves its channels',
    async () => {
      const page = await connect(['xhr_streaming']);
      const name = clients.name('presence-room');
      await subscribe(page, name);
      const users = async (): Promise<number> => {
        const answer = await clients.sdk.get({ path: `/channels/${name}/users`, params: {} });
        return ((await answer.json()) as { users: unknown[] }).users.length;
      };
      expect(await users()).toBe(1);
      await page.close();
      await eventually(async () => (await users()) === 0, 'the member has left', 10_000);
    },
    CONNECT_MS + 30_000,
  );
});
