/** The views of channels, users and connections in Chromium, with two nodes over a real Redis. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { LONG_MS, openClient, operated, startOperated } from '../cli/operated-server.ts';
import { APP } from '../support/app.ts';
import { launchChromium, withChromium } from '../support/browser.ts';
import type { TestServer } from '../support/server.ts';
import {
  type ConsolePage,
  logInByKeyboard,
  openConsole,
  openView,
  type PageOptions,
} from './browser-page.ts';
import { answerHostilely } from './hostile-node.ts';
import { faultsOf, HOSTILE, overflowOf } from './page-faults.ts';
import { clientOn, publish, startTwoNodes } from './two-nodes.ts';

vi.setConfig({ testTimeout: 6 * LONG_MS });

const ROOM = 'presence-cache-room';

const openHash = async (page: Page, view: string, params: Record<string, string>): Promise<void> =>
  page.evaluate((hash) => void (location.hash = hash), `#/${view}?${new URLSearchParams(params)}`);
const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { name, exact: true });
const link = (page: Page, name: string) => page.getByRole('main').getByRole('link', { name, exact: true });

withChromium('channels, users and connections in a browser', () => {
  let browser: Browser;
  beforeAll(async () => void (browser = await launchChromium()));
  afterAll(() => browser.close());

  const loggedIn = async (server: TestServer, options: PageOptions = {}): Promise<ConsolePage> => {
    const console = await openConsole(browser, server, options);
    onTestFinished(() => console.context.close());
    await logInByKeyboard(console.page);
    await console.page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    return console;
  };

  test('17.7 channels of two nodes are found and shown with subscribers, roster and history; data are masked until asked for', async () => {
    const { first, second } = await startTwoNodes();
    await clientOn(first, ['orders', ROOM], 'ann');
    await clientOn(second, ['orders', ROOM], 'bob');
    await publish(second, ROOM, 'shipped', '{"card":4242}');
    const { page, problems } = await loggedIn(first);
    await openView(page, 'Channels');
    await page.getByRole('list', { name: 'Found channels' }).getByRole('listitem').nth(1).waitFor();
    await page.getByLabel('Search').fill('ROOM');
    await link(page, 'orders').waitFor({ state: 'detached' });
    await link(page, ROOM).press('Enter');
    await heading(page, ROOM).waitFor();
    await heading(page, '2 subscribers on 2 processes').waitFor();
    await heading(page, '2 members').waitFor();
    await page.getByRole('region', { name: 'Events that are kept' }).getByText('shipped').waitFor();
    expect(await page.content()).not.toContain('4242');
    await page.getByLabel('with data').check();
    await page.getByRole('button', { name: 'Show the data' }).first().waitFor();
    expect(await page.content()).not.toContain('4242');
    await page.getByRole('button', { name: 'Show the data' }).last().press('Enter');
    await page.getByText('{"card":4242}').waitFor();
    await page.goBack();
    await page.getByLabel('Search').and(page.getByRole('searchbox')).waitFor();
    expect(await page.getByLabel('Search').inputValue()).toBe('ROOM');
    expect(problems).toEqual([]);
  });

  test('17.15 the overview has each process of all nodes, and charts of one, of all, or of this server', async () => {
    const { first, second } = await startTwoNodes();
    await clientOn(second, ['orders']);
    const { page, problems } = await loggedIn(first);
    const row = page
      .getByRole('region', { name: 'Nodes' })
      .getByRole('row', { name: `pid ${second.pid} 1 ` });
    await row.waitFor();
    const open = (now: number) => page.getByRole('img', { name: `Connections: open ${now} now` }).waitFor();
    await open(0);
    await page.getByRole('combobox', { name: 'Node' }).selectOption('all nodes');
    await open(1);
    await page.getByRole('combobox', { name: 'Node' }).selectOption('this server');
    await open(0);
    const [node = ''] = ((await row.textContent()) ?? '').split(' ');
    await page.getByRole('combobox', { name: 'Node' }).selectOption(node);
    await open(1);
    second.kill('SIGKILL');
    await page.getByText('1 node did not answer, and what they hold is missing').waitFor();
    expect([await faultsOf(page), await overflowOf(page)]).toEqual([[], 0]);
    expect(problems).toEqual([]);
  });

  test('17.8 a connection of another node is followed from Live to its end, and its frames and its reason are shown', async () => {
    const { first, second } = await startTwoNodes();
    const { page, problems } = await loggedIn(second);
    await openView(page, 'Live');
    await page
      .getByRole('status')
      .filter({ hasText: /^Live$/ })
      .waitFor();
    const client = await clientOn(second, ['orders'], 'ann');
    // Its other lines may come later, and before this one.
    const line = page
      .getByRole('listitem')
      .filter({ hasText: client.socketId })
      .filter({ hasText: 'connected' });
    await line.getByRole('button').click();
    await line.getByRole('link', { name: client.socketId }).first().click();
    await page.getByText('open', { exact: true }).waitFor();
    // From the other node it is the same.
    const other = await loggedIn(first);
    await openView(other.page, 'Connection');
    await other.page.getByLabel('Socket id').fill(client.socketId);
    await other.page.getByLabel('Socket id').press('Enter');
    await other.page.getByText('open', { exact: true }).waitFor();
    await publish(first, 'orders', 'shipped', '{"card":4242}');
    for (const each of [page, other.page]) {
      await each.getByRole('region', { name: 'Last frames' }).getByText('shipped').waitFor();
      expect(await each.content()).not.toContain('4242');
    }
    await other.page.getByRole('button', { name: 'Ask it to reconnect' }).press('Enter');
    await other.page.getByText(`Ask ${client.socketId} to reconnect?`).waitFor();
    await other.page.keyboard.press('Tab');
    await other.page.keyboard.press('Enter');
    await other.page.getByRole('button', { name: 'Ask it to reconnect' }).press('Enter');
    await other.page.keyboard.press('Enter');
    await other.page.getByText('The connection is closed with 4200').waitFor();
    expect((await client.closed).code).toBe(4200);
    for (const each of [page, other.page]) await each.getByText('Please reconnect.').waitFor();
    expect([problems, other.problems]).toEqual([[], []]);
  });

  test('17.9 all connections of a user are ended, on both nodes', async () => {
    const { first, second } = await startTwoNodes();
    const wires = [await clientOn(first, [], 'ann'), await clientOn(second, [ROOM], 'ann')];
    const bob = await clientOn(second, [ROOM], 'bob');
    const { page, problems } = await loggedIn(first);
    await openView(page, 'Users');
    await link(page, 'ann').click();
    await heading(page, '2 connections on 2 processes').waitFor();
    await page.getByRole('button', { name: 'End all connections of the user' }).click();
    await page.getByRole('button', { name: 'No' }).click();
    await page.getByRole('button', { name: 'End all connections of the user' }).click();
    await page.getByRole('button', { name: 'Yes' }).click();
    await page.getByText('All nodes end the connections of the user.').waitFor();
    for (const wire of wires) expect((await wire.closed).code).toBe(4009);
    await heading(page, '0 connections on 0 processes').waitFor();
    await bob.settle();
    expect(bob.ended).toBeUndefined();
    expect(problems).toEqual([]);
  });

  test('17.9 a console that is read-only says so, and so does an action that is refused', async () => {
    const server = await startOperated({ ...operated(), WAVEHALL_CONSOLE: 'read' });
    const client = await clientOn(server, ['orders'], 'ann');
    const { page, context } = await loggedIn(server);
    const params = { app: APP.id, socket: client.socketId };
    await openHash(page, 'connection', params);
    await page.getByText('The console is read-only: WAVEHALL_CONSOLE=read.').waitFor();
    for (const name of ['Ask it to reconnect', 'End it', 'End all connections of the user'])
      expect(await page.getByRole('button', { name }).isDisabled()).toBe(true);
    // A page that was opened before the server became read-only.
    await context.route('**/admin/console/session', (route) => route.fulfill({ json: { mode: 'on' } }));
    await page.reload();
    await page.getByRole('button', { name: 'End it' }).click();
    await page.getByRole('button', { name: 'Yes' }).click();
    await page
      .getByRole('status')
      .filter({ hasText: 'The console is read-only: WAVEHALL_CONSOLE=read.' })
      .waitFor();
    await client.settle();
    expect(client.ended).toBeUndefined();
  });

  test('17.7 names a node that is dead, says that Redis is away, and goes on', async () => {
    const { redis, first, second } = await startTwoNodes();
    await clientOn(first, ['orders']);
    const { page, problems } = await loggedIn(first);
    second.kill('SIGKILL');
    await second.exited;
    await openView(page, 'Channels');
    await page.getByText('1 node did not answer, and what they hold is missing').waitFor();
    await link(page, 'orders').click();
    await heading(page, '1 subscriber on 1 process').waitFor();
    await redis.close();
    await page.getByText('Redis does not answer').waitFor();
    await heading(page, '1 subscriber on 1 process').waitFor();
    expect(problems).toEqual([]);
  });

  test('17.7 hostile names of users, events, data and nodes are text alone', async () => {
    const { redis, first } = await startTwoNodes();
    await answerHostilely(redis, HOSTILE);
    const client = await clientOn(first, [ROOM, 'orders'], HOSTILE.slice(0, 120));
    await publish(first, ROOM, HOSTILE.slice(0, 180), HOSTILE);
    const { page, problems, requests } = await loggedIn(first);
    const settle = () => page.getByText(HOSTILE).first().waitFor();
    await page.getByRole('region', { name: 'Nodes' }).getByText(HOSTILE).first().waitFor();
    await page.getByRole('combobox', { name: 'Node' }).selectOption(HOSTILE);
    for (const view of ['channels', 'users']) {
      await openHash(page, view, { app: APP.id });
      await settle();
    }
    await openHash(page, 'channels', { app: APP.id, channel: ROOM });
    await settle();
    await page.getByLabel('with data').check();
    await page.getByRole('button', { name: 'Show the data' }).first().click();
    await page.getByRole('region', { name: 'Cached event' }).getByText(HOSTILE).first().waitFor();
    await openHash(page, 'users', { app: APP.id, user: HOSTILE });
    await settle();
    await page.getByRole('button', { name: 'End all connections of the user' }).click();
    await openHash(page, 'connection', { app: APP.id, socket: client.socketId });
    await page.getByText('open', { exact: true }).waitFor();
    client.send({ event: HOSTILE });
    await page.getByRole('region', { name: 'Last frames' }).getByText(HOSTILE).waitFor();
    // A connection that only the hostile node knows.
    await openHash(page, 'connection', { app: APP.id, socket: '1.2' });
    await page.getByText('closed', { exact: true }).waitFor();
    await settle();
    for (const hash of ['channels', 'users', 'connection'])
      await openHash(page, hash, { app: HOSTILE, search: HOSTILE, after: HOSTILE, socket: HOSTILE });
    await page.getByText('expected the id of an app').waitFor();
    expect(await page.evaluate(() => 'hacked' in globalThis)).toBe(false);
    expect(await page.locator('#console img[src="x"], #console script').count()).toBe(0);
    expect(requests.filter((url) => url.endsWith('/x'))).toEqual([]);
    expect(problems).toEqual([]);
  });

  for (const width of [1280, 390])
    for (const colorScheme of ['light', 'dark'] as const)
      test(`17.1 the views have no serious fault for axe-core and fit at ${width} pixels, ${colorScheme}`, async () => {
        const server = await startOperated(operated());
        const long = `private-${'y'.repeat(150)}`;
        const client = await clientOn(server, [ROOM, long], 'u'.repeat(120));
        await publish(server, ROOM, 'x'.repeat(180), JSON.stringify('z'.repeat(2000)));
        for (let other = 0; other < 3; other += 1) await openClient(server);
        const { page } = await loggedIn(server, { width, colorScheme });
        const faultless = async () => expect([await faultsOf(page), await overflowOf(page)]).toEqual([[], 0]);
        await openView(page, 'Channels');
        await link(page, long).waitFor();
        await faultless();
        await link(page, ROOM).click();
        await page.getByLabel('with data').check();
        await page.getByRole('button', { name: 'Show the data' }).first().click();
        await faultless();
        await openView(page, 'Users');
        await link(page, 'u'.repeat(120)).click();
        await page.getByRole('button', { name: 'End all connections of the user' }).click();
        await faultless();
        await openHash(page, 'connection', { app: APP.id, socket: client.socketId });
        await page.getByText('open', { exact: true }).waitFor();
        await publish(server, ROOM, 'x'.repeat(180), '{}');
        await page.getByRole('region', { name: 'Last frames' }).getByText('x'.repeat(180)).waitFor();
        await faultless();
      });
});
