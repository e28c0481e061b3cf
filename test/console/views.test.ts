/** The views of the console for what an operator does, in Chromium, against real servers. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { asker, bearer } from '../auth/asking.ts';
import { LaravelStandIn } from '../auth/laravel-stand-in.ts';
import { LONG_MS, openClient, operated, startOperated } from '../cli/operated-server.ts';
import { APP, appAt } from '../support/app.ts';
import { launchChromium, withChromium } from '../support/browser.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { CHANNEL_EVENTS, startEndpoint, webhookVariables } from '../support/webhooks.ts';
import { publisher } from '../support/wire-http.ts';
import { eventually } from '../support/wire.ts';
import { status } from '../webhooks/receiver.ts';
import {
  type ConsolePage,
  logInByKeyboard,
  openConsole,
  openView,
  type PageOptions,
} from './browser-page.ts';
import { faultsOf, HOSTILE, overflowOf } from './page-faults.ts';

vi.setConfig({ testTimeout: 6 * LONG_MS });

const isHacked = (page: Page): Promise<boolean> => page.evaluate(() => 'hacked' in globalThis);

/**
 * A server with all parts: a gateway before a stand-in for Laravel, an endpoint that refuses, an upstream. They end with what
 * `ended` is: a test or a file.
 */
async function startAll(ended: (close: () => Promise<void>) => void = onTestFinished) {
  const laravel = await LaravelStandIn.open();
  ended(() => Promise.resolve(laravel.close()));
  const endpoint = await startEndpoint('shop', CHANNEL_EVENTS);
  ended(() => Promise.resolve(endpoint.close()));
  endpoint.receiver.answer = status(410);
  const upstream = await startServer({ ...operated() });
  ended(() => upstream.close());
  const server = await startServer({
    ...operated(),
    ...webhookVariables([endpoint.json]),
    WAVEHALL_AUTH_UPSTREAM: laravel.url,
    WAVEHALL_CUTOVER_UPSTREAM: `http://127.0.0.1:${upstream.port}`,
    WAVEHALL_CUTOVER_PERCENT: '100',
  });
  ended(() => server.close());
  return { server, endpoint, laravel, question: asker(server) };
}

/** A hostile question at the gateway, and a dead letter. */
async function makeTraffic({ server, question }: Awaited<ReturnType<typeof startAll>>): Promise<void> {
  await question({ headers: bearer('ann'), socketId: '1.1' });
  await question({ headers: bearer('ann'), socketId: '1.2' });
  await question({ headers: bearer('ann'), channel: `private-${HOSTILE}` });
  const client = await openClient(server);
  client.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
  await client.next('pusher_internal:subscription_succeeded', LONG_MS);
}

withChromium('the views of the console in a browser', () => {
  let browser: Browser;
  /** For the tests that need no other settings, and leave nothing behind that another one sees. */
  let shared: TestServer;
  let sharedAll: Awaited<ReturnType<typeof startAll>>;
  const closers: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    browser = await launchChromium();
    shared = await startServer(operated());
    sharedAll = await startAll((close) => closers.unshift(close));
  });
  afterAll(async () => {
    await browser.close();
    await shared.close();
    for (const close of closers) await close();
  });

  const loggedIn = async (server: TestServer, options: PageOptions = {}): Promise<ConsolePage> => {
    const console = await openConsole(browser, server, options);
    onTestFinished(() => console.context.close());
    await logInByKeyboard(console.page);
    await console.page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    return console;
  };

  test('17.11 the event creator checks the JSON, sends, says why an event is refused, and leaves a socket out', async () => {
    const server = shared;
    const { page, problems } = await loggedIn(server);
    const client = await openClient(server);
    client.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
    await client.next('pusher_internal:subscription_succeeded', LONG_MS);
    await openView(page, 'Event creator');
    const sending = page.getByRole('button', { name: 'Send event' });
    await page.getByLabel('Channels').fill('orders, other');
    await page.getByLabel('Event', { exact: true }).fill('shipped');
    await page.getByLabel('Data').fill('{"a":1,\n }');
    await page.getByText('Not JSON: line 2, column 2: expected a name in double quotes.').waitFor();
    expect(await sending.isDisabled()).toBe(true);
    await page.getByLabel('Data').fill(JSON.stringify({ text: HOSTILE }));
    await sending.click();
    await page.getByText('Accepted with 200').waitFor();
    expect(await client.next('shipped', LONG_MS)).toMatchObject({ data: JSON.stringify({ text: HOSTILE }) });

    await page.getByLabel('Channels').fill(`no-channel-<img>`);
    await sending.click();
    await page.getByText('Refused with 400: Invalid channel name: "no-channel-<img>"').waitFor();
    await page.getByLabel('Channels').fill('orders');
    await page.getByLabel('Without socket').fill(client.socketId);
    await page.getByLabel('Event', { exact: true }).fill('unseen');
    await sending.click();
    await page.getByText('Accepted with 200').waitFor();
    await page.getByLabel('Without socket').fill('');
    await page.getByLabel('Event', { exact: true }).fill('last');
    await page.getByLabel('Event', { exact: true }).press('Enter');
    expect(
      await client.next(({ event }) => /^(?:not-to-one|unseen|last)$/.test(String(event)), LONG_MS),
    ).toMatchObject({ event: 'last' });
    expect(problems).toEqual([]);
  });

  test('17.11 shows the trace of an event where the server has one', async () => {
    const server = shared;
    const { page, problems } = await loggedIn(server);
    const text = `0 subscribers on ${HOSTILE}`;
    const story = {
      received: 'received 12:00',
      parts: [{ event: 'x', channel: 'c', findings: [{ text }] }],
      findings: [],
    };
    await page.route('**/admin/events', (route) => route.fulfill({ json: { id: 'k3f9a2bc-1z' } }));
    await page.route('**/admin/trace?id=k3f9a2bc-1z', (route) => route.fulfill({ json: { story } }));
    await openView(page, 'Event creator');
    await page.getByLabel('Channels').fill('orders');
    await page.getByLabel('Event', { exact: true }).fill('x');
    await page.getByRole('button', { name: 'Send event' }).click();
    await page.getByText('event id k3f9a2bc-1z').waitFor();
    await page.getByText(text, { exact: true }).waitFor();
    expect(await isHacked(page)).toBe(false);
    expect(problems).toEqual([]);
  });

  test('17.12 the doctor shows what it found', async () => {
    const server = shared;
    const { page, problems } = await loggedIn(server);
    await openView(page, 'Doctor');
    await page.getByRole('button', { name: 'Run the doctor' }).click();
    await page.getByText(/^\d+ errors?, \d+ warnings?\.$/).waitFor({ timeout: 3 * LONG_MS });
    const findings = page.getByRole('list', { name: 'Findings' }).getByRole('listitem');
    expect(await findings.count()).toBeGreaterThan(15);
    await findings.filter({ hasText: 'round-trip' }).getByText('ok', { exact: true }).waitFor();
    expect(await page.content()).not.toContain(APP.secret);
    expect(problems).toEqual([]);
  });

  test('17.13 the views of parts are there where the parts are on, with hostile names as text alone', async () => {
    const all = await startAll();
    const { page, problems, requests } = await loggedIn(all.server);
    await makeTraffic(all);
    await openView(page, 'Auth decisions');
    const questions = page.getByRole('list', { name: 'Questions, the newest first' }).getByRole('listitem');
    await questions
      .filter({ hasText: HOSTILE.slice(0, 30) })
      .first()
      .waitFor();
    for (const button of await questions.locator('> button').all()) await button.click();
    await page
      .getByText('It is the first question for this channel with this session or token.')
      .first()
      .waitFor();
    const before = all.laravel.received.length;
    await page.getByRole('button', { name: 'Forget all decisions' }).click();
    await page.getByText('Laravel is asked again by every client.').waitFor();
    await page.getByRole('button', { name: 'Yes' }).click();
    await page.getByText('All decisions are forgotten, on all nodes.').waitFor();
    await all.question({ headers: bearer('ann'), socketId: '1.3' });
    expect(all.laravel.received.length).toBe(before + 1);

    await openView(page, 'Webhooks');
    await page.getByRole('button', { name: 'Send a test event' }).click();
    await page.getByText(/did not accept it: /).waitFor();
    const letters = page.getByRole('list', { name: 'Dead letters, the newest first' }).getByRole('listitem');
    const letter = letters.filter({ hasText: 'channel_occupied' }).filter({ hasText: 'orders' });
    await letter.getByRole('button').first().click({ timeout: LONG_MS });
    expect(await letter.innerText()).not.toContain('time_ms');
    await letter.getByRole('button', { name: 'Show the body' }).click();
    await letter.getByText('"time_ms"').waitFor();
    all.endpoint.receiver.answer = status(200);
    await letter.getByRole('button', { name: 'Replay this delivery' }).click();
    await letter.getByRole('button', { name: 'Yes' }).click();
    await letter.waitFor({ state: 'detached' });

    await openView(page, 'Cutover');
    await page.getByText('Wavehall has 100 % of the browsers').waitFor();
    await page.getByRole('region', { name: 'Both servers' }).getByText('clients connected').waitFor();
    expect(await isHacked(page)).toBe(false);
    expect(requests.filter((url) => url.endsWith('/x'))).toEqual([]);
    expect(problems).toEqual([]);
  });

  test('11.5 the overview says which limits were reached, which endpoints fail, and how far a cutover is', async () => {
    const { page, problems } = await loggedIn(sharedAll.server);
    await page.getByText('100 %: ', { exact: false }).waitFor();
    await makeTraffic(sharedAll);
    const tooLarge = { name: 'x', channel: 'c', data: 'x'.repeat(20_000) };
    const { status: answered } = await publisher(appAt(sharedAll.server)).post('/events', tooLarge);
    expect(answered).toBe(413);
    await page
      .getByText(/^The limit WAVEHALL_MAX_EVENT_DATA_SIZE was reached 1 time since the start/)
      .waitFor();
    const concern = page.getByRole('paragraph').filter({ hasText: 'The webhook endpoint shop fails' });
    await concern.getByRole('link', { name: 'Look' }).click();
    await page.getByRole('heading', { level: 1, name: 'Webhooks' }).waitFor();
    expect(problems).toEqual([]);
  });

  test('17.13 without the parts there are no views of them, and an address of one leads to the overview', async () => {
    const server = shared;
    const { page } = await loggedIn(server);
    const names = await page.getByRole('navigation').getByRole('link').allInnerTexts();
    expect(names).toEqual(
      expect.arrayContaining(['Overview', 'Live', 'Event creator', 'Doctor', 'Capacity']),
    );
    for (const name of ['Webhooks', 'Auth decisions', 'Cutover']) expect(names).not.toContain(name);
    await page.evaluate(() => void (location.hash = '#/webhooks'));
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  });

  test('17.3 in read-only mode no action can be pressed', async () => {
    const server = await startOperated({ ...operated(), WAVEHALL_CONSOLE: 'read' });
    const { page } = await loggedIn(server);
    for (const [view, button] of [
      ['Event creator', 'Send event'],
      ['Doctor', 'Run the doctor'],
      ['Capacity', 'Measure'],
    ] as const) {
      await openView(page, view);
      await page.getByText('The console is read-only').waitFor();
      expect(await page.getByRole('button', { name: button }).isDisabled()).toBe(true);
    }
  });

  test('17.13 the capacity of the machine is shown', async () => {
    const server = shared;
    const { page, problems } = await loggedIn(server);
    await openView(page, 'Capacity');
    await page.getByRole('button', { name: 'Measure' }).click();
    await page.getByRole('region', { name: 'Limits of this machine' }).waitFor({ timeout: 4 * LONG_MS });
    await page.getByText('gives out first').waitFor();
    expect([await faultsOf(page), await overflowOf(page)]).toEqual([[], 0]);
    expect(problems).toEqual([]);
  });

  for (const width of [1280, 390])
    for (const colorScheme of ['light', 'dark'] as const)
      test(`17.1 each view has no serious fault for axe-core and fits at ${width} pixels, ${colorScheme}`, async () => {
        const all = sharedAll;
        const { page } = await loggedIn(all.server, { width, colorScheme });
        await makeTraffic(all);
        const check = async (view: string): Promise<void> => {
          const shots = process.env['CONSOLE_SCREENSHOTS'];
          if (shots !== undefined)
            await page.screenshot({ path: `${shots}/${view}-${width}-${colorScheme}.png`, fullPage: true });
          expect([view, await faultsOf(page), await overflowOf(page)]).toEqual([view, [], 0]);
        };
        await openView(page, 'Event creator');
        await page.getByLabel('Channels').fill('x'.repeat(300));
        await page.getByLabel('Event', { exact: true }).fill('shipped');
        await page.getByRole('button', { name: 'Send event' }).click();
        await page.getByText('Refused with 400').waitFor();
        await page.getByLabel('Data').fill('{"a":1,}');
        await check('events');
        await openView(page, 'Auth decisions');
        const question = page
          .getByRole('list', { name: /^Questions/ })
          .getByRole('listitem')
          .first();
        await question.getByRole('button').first().click();
        await check('auth');
        await openView(page, 'Webhooks');
        const letter = page
          .getByRole('list', { name: /^Dead letters/ })
          .getByRole('listitem')
          .first();
        await letter.getByRole('button').first().click();
        await letter.getByRole('button', { name: 'Show the body' }).click();
        await letter.getByText('"time_ms"').waitFor();
        await check('webhooks');
        await openView(page, 'Cutover');
        await page.getByRole('region', { name: 'Bridge' }).waitFor();
        await check('cutover');
        await openView(page, 'Doctor');
        await page.getByRole('button', { name: 'Run the doctor' }).click();
        await page.getByRole('list', { name: 'Findings' }).waitFor({ timeout: 3 * LONG_MS });
        await check('doctor');
      });

  test('17.13 a page goes on when the server was away, and says so', async () => {
    const { server } = sharedAll;
    const { page } = await loggedIn(server);
    await openView(page, 'Cutover');
    await page.getByText('of the browsers').waitFor();
    server.kill('SIGSTOP');
    onTestFinished(() => server.kill('SIGCONT'));
    await page.context().setOffline(true);
    await page.getByText('The server does not answer. This is the last known state.').waitFor();
    server.kill('SIGCONT');
    await page.context().setOffline(false);
    await eventually(
      async () => (await page.getByText('The server does not answer.').count()) === 0,
      'the page goes on',
      LONG_MS,
    );
  });
});
