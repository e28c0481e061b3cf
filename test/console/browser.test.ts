/** The page of the console in Chromium, against a real server. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { LONG_MS, openClient, operated, startOperated, TOKEN } from '../cli/operated-server.ts';
import { APP, appAt } from '../support/app.ts';
import { launchChromium, withChromium } from '../support/browser.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { channelAuth, publisher } from '../support/wire-http.ts';
import { eventually, Wire } from '../support/wire.ts';
import {
  type ConsolePage,
  logInByKeyboard,
  openConsole,
  openView,
  type PageOptions,
} from './browser-page.ts';
import { faultsOf, HOSTILE, overflowOf } from './page-faults.ts';

vi.setConfig({ testTimeout: 6 * LONG_MS });

const lines = (page: Page) => page.getByRole('list', { name: /What happened/ }).getByRole('listitem');

withChromium('the console in a browser', () => {
  let browser: Browser;
  /** For the tests that need no other settings, and leave nothing behind that another one sees. */
  let shared: TestServer;
  beforeAll(async () => {
    browser = await launchChromium();
    shared = await startServer({ ...operated(), WAVEHALL_TRUSTED_PROXIES: '127.0.0.1' });
  });
  afterAll(async () => {
    await browser.close();
    await shared.close();
  });

  const opened = async (server: TestServer, options: PageOptions = {}): Promise<ConsolePage> => {
    const console = await openConsole(browser, server, options);
    onTestFinished(() => console.context.close());
    return console;
  };
  const loggedIn = async (server: TestServer, options: PageOptions = {}): Promise<ConsolePage> => {
    const console = await opened(server, options);
    await logInByKeyboard(console.page);
    await console.page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    return console;
  };
  /** Publishes until the page shows an event of this name. */
  const publishUntilShown = async (
    server: TestServer,
    page: Page,
    name: string,
    channel = 'orders',
    data = '{}',
  ) => {
    const app = publisher(appAt(server));
    await eventually(
      async () => {
        await app.post('/events', { name, channel, data });
        return (await lines(page).filter({ hasText: name }).count()) > 0;
      },
      `the event ${name} on the page`,
      LONG_MS,
    );
  };

  test('17.2 refuses a wrong token in words, logs in with the right one, stays logged in after a reload, and logs out', async () => {
    const server = shared;
    const { page, context, problems, requests } = await opened(server);
    await logInByKeyboard(page, 'wrong');
    await page
      .getByRole('alert')
      .filter({ hasText: 'This is not the token of WAVEHALL_ADMIN_TOKEN.' })
      .waitFor();
    await page.getByLabel('Admin token').fill(TOKEN);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    const seen = () => [document.cookie, localStorage.length, sessionStorage.length];
    expect(await page.evaluate(seen)).toEqual(['', 0, 0]);
    expect((await context.cookies())[0]).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Admin token').waitFor();
    expect(problems).toEqual([]);
    expect(requests.filter((url) => !url.startsWith(`http://127.0.0.1:${server.port}/admin/`))).toEqual([]);
  });

  test('17.4 the overview shows the state and the history of the server', async () => {
    const server = await startOperated(operated());
    await openClient(server);
    const { page, problems } = await loggedIn(server);
    await page.getByText('ready', { exact: true }).waitFor();
    await page.getByRole('img', { name: /^Connections: open 1 now, at most 1 / }).waitFor();
    await publisher(appAt(server)).post('/events', { name: 'x', channel: 'c', data: '{}' });
    await page.getByRole('img', { name: /^Events a second: published .* at most 0\.1 / }).waitFor();
    expect(await page.locator('canvas').count()).toBe(6);
    expect(problems).toEqual([]);
  });

  test('17.5 the live view shows, filters, searches, pauses, clears and unfolds lines; payloads are masked until asked for', async () => {
    const server = shared;
    const { page, problems } = await loggedIn(server);
    await openView(page, 'Live');
    await publishUntilShown(server, page, 'shipped', 'orders', '{"card":4242}');
    const client = await openClient(server);
    const connected = lines(page).filter({ hasText: client.socketId }).filter({ hasText: 'connected' });
    await connected.getByRole('button').press('Enter');
    await connected.getByText('127.0.0.1', { exact: true }).waitFor();

    expect(await page.content()).not.toContain('4242');
    await page.getByLabel('with payloads').check();
    await publishUntilShown(server, page, 'masked', 'orders', '{"card":4242}');
    // Further lines may come first meanwhile: those of the line that is unfolded are found by themselves.
    await lines(page).filter({ hasText: 'masked' }).first().getByRole('button').first().click();
    await page.getByRole('button', { name: 'Show the payload' }).waitFor();
    expect(await page.content()).not.toContain('4242');
    await page.getByRole('button', { name: 'Show the payload' }).click();
    await page.getByText('{"card":4242}').waitFor();

    await page.getByLabel('Search').fill('shipped');
    await lines(page).filter({ hasText: 'masked' }).first().waitFor({ state: 'detached' });
    await page.getByLabel('Search').fill('');
    await page.getByLabel('published').uncheck();
    await lines(page).filter({ hasText: 'masked' }).first().waitFor({ state: 'detached' });
    await page.getByLabel('published').check();

    await page.getByRole('button', { name: 'Pause' }).click();
    const before = await lines(page).count();
    await publisher(appAt(server)).post('/events', { name: 'unseen', channel: 'orders', data: '{}' });
    await page.getByText(/^Paused: [1-9]\d* lines? passed$/).waitFor();
    expect(await lines(page).count()).toBe(before);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByText('Nothing yet.').waitFor();

    await page.getByLabel('Channel').fill('other*');
    await publishUntilShown(server, page, 'wanted', 'other.1');
    await publisher(appAt(server)).post('/events', { name: 'not-wanted', channel: 'orders', data: '{}' });
    await publishUntilShown(server, page, 'last', 'other.2');
    expect(await lines(page).filter({ hasText: 'not-wanted' }).count()).toBe(0);
    expect(problems).toEqual([]);
  });

  test('16.3 a line of an event unfolds to its trace in words, of a session that only looks too', async () => {
    const server = await startOperated({ ...operated(), WAVEHALL_CONSOLE: 'read' });
    const { page, problems } = await loggedIn(server);
    await openView(page, 'Live');
    const event = HOSTILE.slice(0, 100);
    await publishUntilShown(server, page, event, 'private-orders', '{"card":4242}');
    const client = await openClient(server);
    client.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
    await lines(page).filter({ hasText: 'subscribed' }).first().waitFor();
    await lines(page).filter({ hasText: event }).first().getByRole('button').first().click();
    const trace = page.getByRole('region', { name: 'Trace' });
    await trace.getByText(/^received .+ for private-orders, taken in /).waitFor();
    await trace.getByText('0 subscribers', { exact: true }).waitFor();
    await trace.getByRole('button', { name: 'Look again' }).click();
    await trace.getByText(/did you mean orders \(1 subscriber\)\?/).waitFor();
    expect(await page.content()).not.toContain('4242');
    expect([problems, await page.evaluate(() => 'hacked' in globalThis)]).toEqual([[], false]);
  });

  test('17.5 hostile names, payloads, keys and addresses are text alone', async () => {
    const server = shared;
    const { page, problems, requests } = await loggedIn(server);
    await openView(page, 'Live');
    await page.getByLabel('with payloads').check();
    await publishUntilShown(server, page, HOSTILE.slice(0, 180), 'orders', HOSTILE);
    const headers = { 'user-agent': HOSTILE, 'x-forwarded-for': HOSTILE, origin: HOSTILE };
    const refused = await Wire.open(server, `/app/${encodeURIComponent(HOSTILE)}?protocol=7`, { headers });
    await refused.closing();
    const client = await openClient(server);
    const channel = 'private-orders=@,.;';
    client.send({
      event: 'pusher:subscribe',
      data: { channel, auth: channelAuth(APP, client.socketId, channel) },
    });
    client.send({ event: 'pusher:subscribe', data: { channel: HOSTILE } });
    await lines(page).filter({ hasText: 'unknown_app' }).first().waitFor();
    await lines(page).filter({ hasText: 'channel_name' }).first().waitFor();
    for (const button of await lines(page).locator('> button').all()) await button.click();
    const masked = page.getByRole('button', { name: 'Show the payload' });
    while ((await masked.count()) > 0) await masked.first().click();
    await lines(page).getByText(HOSTILE, { exact: true }).first().waitFor();
    await page.getByLabel('Search').fill(HOSTILE);
    expect(await page.evaluate(() => 'hacked' in globalThis)).toBe(false);
    expect(await page.locator('#console img[src="x"], #console script').count()).toBe(0);
    expect(requests.filter((url) => url.endsWith('/x'))).toEqual([]);
    expect(problems).toEqual([]);
  });

  test('17.5 keeps 2000 lines, however many happen', async () => {
    const server = shared;
    const { page } = await loggedIn(server);
    await openView(page, 'Live');
    await publishUntilShown(server, page, 'first-of-all');
    const app = publisher(appAt(server));
    const event = { name: 'many', channel: 'orders', data: '{}' };
    let sent = 0;
    await eventually(
      async () => {
        await app.post('/batch_events', { batch: Array.from({ length: 10 }, () => event) });
        sent += 10;
        return sent % 500 === 0 && (await page.getByText('2,000 of 2,000 lines').count()) > 0;
      },
      () => `2000 lines of ${sent}`,
      3 * LONG_MS,
    );
    await eventually(
      async () => (await lines(page).filter({ hasText: 'first-of-all' }).count()) === 0,
      'the first is dropped',
      LONG_MS,
    );
    expect(await lines(page).count()).toBe(2000);
  });

  test('17.3 says that the console is read-only', async () => {
    const server = await startOperated({ ...operated(), WAVEHALL_CONSOLE: 'read' });
    const { page } = await loggedIn(server);
    await page.getByText('read-only').waitFor();
  });

  test('17.5 says that the server is away, and asks for the token when another one has begun', async () => {
    const server = await startOperated(operated());
    const { page, problems } = await loggedIn(server);
    await openView(page, 'Live');
    await page.getByText('Live', { exact: true }).last().waitFor();
    server.kill('SIGKILL');
    await page.getByText('The server is away. Trying again…').waitFor();
    await server.exited;
    const again = await startOperated({ ...operated(), REVERB_SERVER_PORT: String(server.port) });
    await page.getByLabel('Admin token').waitFor();
    await logInByKeyboard(page);
    await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor();
    await publishUntilShown(again, page, 'after');
    expect(problems).toEqual([]);
  });

  test('17.1 shows times in the zone of the browser', async () => {
    const server = shared;
    const [tokyo, utc] = [await loggedIn(server, { timezoneId: 'Asia/Tokyo' }), await loggedIn(server)];
    const hours = [];
    for (const { page } of [tokyo, utc]) await openView(page, 'Live');
    for (const { page } of [tokyo, utc]) await page.getByText('Live', { exact: true }).last().waitFor();
    await publishUntilShown(server, tokyo.page, 'now');
    await publishUntilShown(server, utc.page, 'now');
    for (const { page } of [tokyo, utc]) {
      const time = lines(page).filter({ hasText: 'now' }).last().locator('time');
      const at = new Date((await time.getAttribute('datetime')) ?? '');
      hours.push((Number((await time.textContent())?.slice(0, 2)) - at.getUTCHours() + 24) % 24);
    }
    expect(hours).toEqual([9, 0]);
  });

  for (const width of [1280, 390])
    for (const colorScheme of ['light', 'dark'] as const)
      test(`17.1 has no serious fault for axe-core and fits at ${width} pixels, ${colorScheme}`, async () => {
        const server = shared;
        const { page } = await opened(server, { width, colorScheme });
        await page.getByLabel('Admin token').waitFor();
        expect([await faultsOf(page), await overflowOf(page)]).toEqual([[], 0]);
        await logInByKeyboard(page);
        await page.getByRole('img', { name: /^Connections/ }).waitFor();
        expect([await faultsOf(page), await overflowOf(page)]).toEqual([[], 0]);
        await openView(page, 'Live');
        await publishUntilShown(server, page, 'x'.repeat(200), `orders.${'y'.repeat(100)}`);
        await lines(page).first().getByRole('button').first().click();
        await page.getByRole('region', { name: 'Trace' }).waitFor();
        expect([await faultsOf(page), await overflowOf(page)]).toEqual([[], 0]);
      });
});
