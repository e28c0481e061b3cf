/** examples/browser-chat, opened from disk in Chromium windows. */
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { launchChromium, withChromium } from '../support/browser.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { serveCdn } from './cdn.ts';

const PAGE = pathToFileURL('examples/browser-chat/index.html').href;
const WAIT_MS = 10_000;
const RECONNECT_MS = 40_000;

withChromium('5.3 the browser chat', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  let server: TestServer;
  let browser: Browser;
  const failures: string[] = [];

  beforeAll(async () => {
    server = await startServer();
    cleanups.push(() => server.close());
    browser = await launchChromium();
    cleanups.push(() => browser.close());
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    expect(failures.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    for (const cleanup of cleanups.toReversed()) await cleanup();
  });

  /** Opens the page with the address of the server and the given parameters in its query. */
  async function open(query: Record<string, string>): Promise<Page> {
    const context = await browser.newContext();
    await serveCdn(context);
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS);
    page.on('pageerror', (error) => failures.push(error.message));
    const given = { host: server.host, port: String(server.port), ...query };
    await page.goto(`${PAGE}?${new URLSearchParams(given).toString()}`);
    return page;
  }

  async function join(name: string, room: string): Promise<Page> {
    const page = await open({ name, room });
    await page.waitForSelector('#text:enabled');
    return page;
  }

  const state = (page: Page, name: string, timeout = WAIT_MS) =>
    page.waitForSelector(`#connection[data-state=${name}]`, { timeout });
  const sendMessage = async (page: Page, text: string) => {
    await page.fill('#text', text);
    await page.press('#text', 'Enter');
  };
  const messageShown = (page: Page, text: string, mine = false) =>
    page.waitForSelector(`.message${mine ? '.mine' : ':not(.mine)'} .bubble:text-is("${text}")`);
  const expectUsers = (page: Page) =>
    expect.poll(() => page.locator('[data-person] .name').allTextContents());

  /** Starts recording, in the page, every displayed state and whether the text field is enabled. */
  const recordStates = (page: Page) =>
    page.evaluate(() => {
      const indicator = document.querySelector<HTMLElement>('#connection');
      const text = document.querySelector<HTMLInputElement>('#text');
      const states: string[] = [];
      Object.assign(globalThis, { states });
      if (indicator === null || text === null) throw new Error('the page has neither state nor input');
      new MutationObserver(() => {
        states.push(`${indicator.dataset['state'] ?? ''}, ${text.disabled ? 'disabled' : 'enabled'}`);
      }).observe(indicator, { attributes: true });
    });
  const recordedStates = (page: Page) =>
    page.evaluate(() => (globalThis as unknown as { states: string[] }).states);

  test('5.3 a message reaches the other window once, and is shown once in its own', async () => {
    const ada = await join('Ada', 'messages');
    const grace = await join('Grace', 'messages');
    await sendMessage(ada, 'Who is here?');
    await messageShown(ada, 'Who is here?', true);
    await messageShown(grace, 'Who is here?');
    await sendMessage(grace, 'I am');
    await messageShown(ada, 'I am');
    for (const page of [ada, grace]) expect(await page.locator('.bubble').count()).toBe(2);
  });

  test("5.3 rooms do not receive each other's messages", async () => {
    const [ada, grace, joan] = [
      await join('Ada', 'one'),
      await join('Grace', 'one'),
      await join('Joan', 'two'),
    ];
    await sendMessage(ada, 'In room one');
    await messageShown(grace, 'In room one');
    await sendMessage(joan, 'In room two');
    await expectUsers(joan).toEqual(['Joan']);
    await expectUsers(ada).toEqual(['Ada', 'Grace']);
    expect(await ada.locator('.bubble').allTextContents()).toEqual(['In room one']);
  });

  test('5.3 typing is shown in the other window and ends with the message', async () => {
    const ada = await join('Ada', 'typing');
    const grace = await join('Grace', 'typing');
    await ada.locator('#text').pressSequentially('We');
    await grace.waitForSelector('#typing:text-is("Ada is typing…")');
    expect(await ada.textContent('#typing')).toBe('');
    await ada.press('#text', 'Enter');
    await messageShown(grace, 'We');
    await expect.poll(() => grace.textContent('#typing')).toBe('');
  });

  test('5.3 users who join, change their name or leave are shown to the others', async () => {
    const ada = await join('Ada', 'people');
    const grace = await join('Grace', 'people');
    await expectUsers(grace).toEqual(['Grace', 'Ada']);
    await expectUsers(ada).toEqual(['Ada', 'Grace']);
    await grace.fill('#name', 'Hopper');
    await grace.press('#name', 'Tab');
    await expectUsers(ada).toEqual(['Ada', 'Hopper']);
    await grace.close({ runBeforeUnload: false });
    await expectUsers(ada).toEqual(['Ada']);
    await ada.waitForSelector('.note:text-is("Hopper left")');
  });

  test('5.3 messages are shown as text, never as markup', async () => {
    const ada = await join('<b>Ada</b>', 'markup');
    const grace = await join('Grace', 'markup');
    await sendMessage(ada, '<img src=x onerror="document.title=1">');
    await expect
      .poll(() => grace.locator('.bubble').allTextContents())
      .toEqual(['<img src=x onerror="document.title=1">']);
    await expectUsers(grace).toEqual(['Grace', '<b>Ada</b>']);
    expect(await grace.locator('main img, main b').count()).toBe(0);
  });

  test("2.5 a wrong key is shown with the server's error and a button", async () => {
    const page = await open({ key: 'wrong' });
    await state(page, 'disconnected');
    await page.waitForSelector('.note:text-is("The server says: Application does not exist (4001)")');
    expect(await page.isVisible('#again')).toBe(true);
    expect(await page.isDisabled('#text')).toBe(true);
  });

  test('2.14 writing is disabled while the server is down, and works again afterwards', async () => {
    const ada = await join('Ada', 'restart');
    const grace = await join('Grace', 'restart');
    const { port } = server;
    await recordStates(ada);
    server.kill('SIGKILL');
    await server.exited;
    server = await startServer({ REVERB_SERVER_PORT: String(port) });
    await expect.poll(() => recordedStates(ada), { timeout: RECONNECT_MS }).toContain('connecting, disabled');
    for (const page of [ada, grace]) {
      await page.waitForSelector('#text:enabled', { timeout: RECONNECT_MS });
    }
    await expectUsers(ada).toEqual(['Ada', 'Grace']);
    await sendMessage(ada, 'Back again');
    await messageShown(grace, 'Back again');
  }, 60_000);
});
