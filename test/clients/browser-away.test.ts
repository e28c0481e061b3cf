/**
 * Tabs in Chromium that are away for a while (SPEC 13): stock Echo with a tab id, and Echo with the client file, side by side. Events
 * go on meanwhile.
 */
import type { Browser, CDPSession, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { launchChromium, processesOf, withChromium } from '../support/browser.ts';
import { HoldingProxy } from '../support/holding-proxy.ts';
import { type RequestBalancer, startRequestBalancer } from '../support/request-balancer.ts';
import { eventually } from '../support/wire.ts';
import { type ClientsContext, echoOptions, type Echo, openClients, optionsFor } from './stock-clients.ts';

const LONG_MS = 30_000;
/** Events are published each 50 ms: some seconds of them, which is longer than the activity timeout and the ping timeout of these tests. */
const A_WHILE = 50;
const PATIENCE = { activityTimeout: 2000, pongTimeout: 1500 };

type Kind = 'stock' | 'exact';

interface InPage {
  Pusher: new (key: string, options: object) => unknown;
  Echo: new (options: object) => Echo<'reverb'>;
  resume: (pusher: unknown) => void;
  echo: Echo<'reverb'>;
  numbers: number[];
  gaps: unknown[];
  subscriptions: number;
  isConnected: boolean;
}

/** Runs in the page, as the front end of an app. */
function openEcho({ kind, channel, options }: { kind: Kind; channel: string; options: object }) {
  const page = globalThis as unknown as InPage;
  const id = crypto.randomUUID();
  if (kind === 'exact') page.resume(page.Pusher);
  const paths = { wsPath: `/app/t/${id}`, httpPath: `/pusher/t/${id}` };
  Object.assign(page, { numbers: [], gaps: [], subscriptions: 0 });
  page.echo = new page.Echo({ ...options, ...(kind === 'stock' && paths) });
  page.echo.connector.pusher.connection.bind('state_change', ({ current }: { current: string }) => {
    page.isConnected = current === 'connected';
  });
  page.echo
    .channel(channel)
    .listen('.n', ({ n }: { n: number }) => page.numbers.push(n))
    .listen('.wavehall:gap', (gap: unknown) => page.gaps.push(gap))
    .subscribed(() => (page.subscriptions += 1));
}

class Tab {
  readonly page: Page;
  readonly kind: Kind;
  readonly #session: CDPSession;

  private constructor(page: Page, kind: Kind, session: CDPSession) {
    this.page = page;
    this.kind = kind;
    this.#session = session;
  }

  static async open(
    browser: Browser,
    url: string,
    kind: Kind,
    channel: string,
    options: object,
  ): Promise<Tab> {
    const page = await browser.newPage();
    await page.goto(url);
    await page.waitForFunction(() => 'Pusher' in globalThis && 'Echo' in globalThis);
    await page.evaluate(openEcho, { kind, channel, options });
    const session = await page.context().newCDPSession(page);
    await session.send('Network.enable');
    return new Tab(page, kind, session);
  }

  /** Resolves when the channel has been subscribed to so many times. */
  async subscribed(times: number): Promise<void> {
    const isSubscribed = (least: number) => (globalThis as unknown as InPage).subscriptions >= least;
    await this.page.waitForFunction(isSubscribed, times, { timeout: LONG_MS });
  }

  numbers(): Promise<number[]> {
    return this.page.evaluate(() => (globalThis as unknown as InPage).numbers);
  }

  gaps(): Promise<unknown[]> {
    return this.page.evaluate(() => (globalThis as unknown as InPage).gaps);
  }

  /**
   * The browser's own switch, as in its developer tools. It refuses new requests and holds what arrives on an open WebSocket, whose
   * control pings the browser still answers. A stream that is open goes on until the page gives it up: what arrives then has no
   * receipt, and comes twice.
   */
  async setOffline(offline: boolean): Promise<void> {
    const unlimited = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
    await this.#session.send('Network.emulateNetworkConditions', { offline, ...unlimited });
  }

  async disconnected(): Promise<void> {
    await this.page.waitForFunction(() => !(globalThis as unknown as InPage).isConnected, undefined, {
      timeout: LONG_MS,
    });
  }
}

withChromium('13.5 a tab in a browser', () => {
  let browser: Browser;
  let clients: ClientsContext;
  let withoutWebSocket: RequestBalancer;
  const cleanups: (() => unknown)[] = [];

  beforeAll(async () => {
    clients = await openClients({
      REVERB_APP_PING_INTERVAL: '1',
      WAVEHALL_PONG_TIMEOUT: '1',
      WAVEHALL_HISTORY_SIZE: '1000',
      WAVEHALL_HTTP_FALLBACK_AWAY: '2',
    });
    withoutWebSocket = await startRequestBalancer(() => [clients.server.port]);
    browser = await launchChromium({ backForwardCache: true });
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  afterAll(async () => {
    await browser.close();
    await withoutWebSocket.close();
    await clients.close();
  });

  /** A tab of each kind on a channel of its own, with events that go on. */
  async function open(options: object = {}) {
    const channel = clients.name('orders');
    const given = {
      broadcaster: 'reverb',
      ...echoOptions(clients.application, '1'),
      ...optionsFor(clients.server),
      ...PATIENCE,
      ...options,
    };
    const tabs: Tab[] = [];
    for (const kind of ['stock', 'exact'] as const)
      tabs.push(await Tab.open(browser, clients.application.url, kind, channel, given));
    cleanups.push(() => Promise.all(tabs.map(({ page }) => page.close())));
    await Promise.all(tabs.map((tab) => tab.subscribed(1)));
    const published = publishTo(channel);
    cleanups.push(() => published.stop());
    await published.more(10);
    return { channel, tabs, published };
  }

  function publishTo(channel: string) {
    const stopping = new AbortController();
    let count = 0;
    const running = (async () => {
      while (!stopping.signal.aborted) {
        await clients.sdk.trigger(channel, 'n', { n: (count += 1) });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    return {
      more: async (events: number): Promise<void> => {
        const before = count;
        await eventually(() => count >= before + events, 'more events are published', LONG_MS);
      },
      /** Resolves with the number of the last event. */
      stop: async (): Promise<number> => {
        stopping.abort();
        await running;
        return count;
      },
    };
  }

  /** All events have arrived in their order; with the client file each once. */
  async function expectAll(tabs: readonly Tab[], last: number): Promise<void> {
    const all = Array.from({ length: last }, (_, at) => at + 1);
    for (const tab of tabs) {
      await eventually(
        async () => (await tab.numbers()).includes(last),
        `the last event: ${tab.kind}`,
        LONG_MS,
      );
      const numbers = await tab.numbers();
      console.log(`${tab.kind}: ${last} events, ${numbers.length - last} of them twice`);
      expect(tab.kind === 'exact' ? numbers : [...new Set(numbers)]).toEqual(all);
      expect(await tab.gaps()).toEqual([]);
    }
  }

  /** Sockets that the server has on a channel. */
  async function socketsOn(channel: string): Promise<number> {
    const answer = await clients.sdk.get({
      path: `/channels/${channel}`,
      params: { info: 'subscription_count' },
    });
    return ((await answer.json()) as { subscription_count?: number }).subscription_count ?? 0;
  }

  async function goOffline(options: object = {}): Promise<void> {
    const { tabs, published } = await open(options);
    await Promise.all(tabs.map((tab) => tab.setOffline(true)));
    await Promise.all(tabs.map((tab) => tab.disconnected()));
    await published.more(A_WHILE);
    await Promise.all(tabs.map((tab) => tab.setOffline(false)));
    await Promise.all(tabs.map((tab) => tab.subscribed(2)));
    await expectAll(tabs, await published.stop());
  }

  test('13.5 that is offline by the switch of the browser', () => goOffline(), 2 * LONG_MS);

  for (const transport of ['xhr_streaming', 'xhr_polling'])
    test(
      `13.5 that is offline behind a proxy without WebSocket, over ${transport}`,
      () =>
        goOffline({
          ...{ wsPort: withoutWebSocket.port, httpHost: '127.0.0.1', httpPort: withoutWebSocket.port },
          enabledTransports: [transport],
        }),
      2 * LONG_MS,
    );

  // Stops the processes: in a headless Chromium the scripts of a page go on when its life cycle is set to `frozen`.
  for (const [title, which] of [
    ['that is frozen, while the browser goes on', 'pages'],
    ['of a computer that sleeps', 'all'],
  ] as const)
    test(
      `13.5 ${title}, for longer than the timeouts of both sides`,
      async () => {
        const { channel, tabs, published } = await open();
        const stopped = await processesOf(browser, which);
        const signal = (name: NodeJS.Signals): void => stopped.forEach((id) => process.kill(id, name));
        cleanups.push(() => signal('SIGCONT'));
        signal('SIGSTOP');
        await published.more(A_WHILE);
        // The browser answers control pings although no page of it runs.
        const left = which === 'all' ? 0 : 2;
        await eventually(async () => (await socketsOn(channel)) === left, `${left} sockets`, LONG_MS);
        signal('SIGCONT');
        if (which === 'all') await Promise.all(tabs.map((tab) => tab.subscribed(2)));
        await expectAll(tabs, await published.stop());
      },
      2 * LONG_MS,
    );

  test(
    '13.5 that is left and restored by the back/forward cache',
    async () => {
      const { tabs, published } = await open();
      await Promise.all(tabs.map(({ page }) => page.goto(`${clients.application.url}/away`)));
      await published.more(A_WHILE);
      await Promise.all(tabs.map(({ page }) => page.goBack({ waitUntil: 'commit' })));
      // A page that was loaded again would have no numbers.
      const isRestored = () => 'numbers' in globalThis;
      expect(await Promise.all(tabs.map(({ page }) => page.evaluate(isRestored)))).toEqual([true, true]);
      await Promise.all(tabs.map((tab) => tab.subscribed(2)));
      await expectAll(tabs, await published.stop());
    },
    2 * LONG_MS,
  );

  test(
    '10.4 whose poll the browser sends again by itself, because the answer was lost with its connection',
    async () => {
      const proxy = new HoldingProxy(clients.server.port);
      cleanups.push(() => proxy.close());
      const http = { httpHost: '127.0.0.1', httpPort: await proxy.listen() };
      const { tabs, published } = await open({ ...http, enabledTransports: ['xhr_polling'] });
      proxy.hold();
      await published.more(3);
      proxy.cut();
      await Promise.all(tabs.map((tab) => tab.subscribed(2)));
      await expectAll(tabs, await published.stop());
    },
    2 * LONG_MS,
  );

  test('13.2 a tab that a page opens gets a copy of what sessionStorage holds, so that an id there would be in two pages', async () => {
    const page = await browser.newPage();
    cleanups.push(() => page.close());
    await page.goto(`${clients.application.url}/away`);
    const opening = page.waitForEvent('popup');
    await page.evaluate(() => {
      sessionStorage.setItem('tab', 'id');
      window.open('/away');
    });
    const opened = await opening;
    await opened.waitForLoadState();
    expect(await opened.evaluate(() => sessionStorage.getItem('tab'))).toBe('id');
  });
});
