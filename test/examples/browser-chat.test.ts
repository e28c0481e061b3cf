/** examples/browser-chat, opened from disk as a reader would, in Chromium windows. */
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
  const undo: (() => Promise<unknown>)[] = [];
  let server: TestServer;
  let browser: Browser;
  const failures: string[] = [];

  beforeAll(async () => {
    server = await startServer();
    undo.push(() => server.close());
    browser = await launchChromium();
    undo.push(() => browser.close());
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    expect(failures.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    for (const step of undo.toReversed()) await step();
  });

  /** Opens the page; the query says where the server is and whatever else is given. */
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

  async function enter(name: string, room: string): Promise<Page> {
    const page = await open({ name, room });
    await page.waitForSelector('#text:enabled');
    return page;
  }

  const state = (page: Page, name: string, timeout = WAIT_MS) =>
    page.waitForSelector(`#connection[data-state=${name}]`, { timeout });
  const say = async (page: Page, text: string) => {
    await page.fill('#text', text);
    await page.press('#text', 'Enter');
  };
  const sees = (page: Page, text: string, mine = false) =>
    page.waitForSelector(`.message${mine ? '.mine' : ':not(.mine)'} .bubble:text-is("${text}")`);
  const people = (page: Page) =>
    expect.poll(() => page.locator('[data-person] .name').allTextContents(), { timeout: 10_000 });

  /** Makes the page record every state that it shows, and whether writing was enabled. */
  const watchState = (page: Page) =>
    page.evaluate(() => {
      const pill = document.querySelector<HTMLElement>('#connection');
      const text = document.querySelector<HTMLInputElement>('#text');
      const states: string[] = [];
      Object.assign(globalThis, { states });
      if (pill === null || text === null) throw new Error('the page has neither state nor input');
      new MutationObserver(() => {
        states.push(`${pill.dataset['state'] ?? ''}, ${text.disabled ? 'disabled' : 'enabled'}`);
      }).observe(pill, { attributes: true });
    });
  const seen = (page: Page) => page.evaluate(() => (globalThis as unknown as { states: string[] }).states);

  test('5.3 a message reaches the other window once, and is shown once in its own', async () => {
    const ada = await enter('Ada', 'messages');
    const grace = await enter('Grace', 'messages');
    await say(ada, 'Is anybody here?');
    await sees(ada, 'Is anybody here?', true);
    await sees(grace, 'Is anybody here?');
    await say(grace, 'I am');
    await sees(ada, 'I am');
    for (const page of [ada, grace]) expect(await page.locator('.bubble').count()).toBe(2);
  });

  test("5.3 rooms do not receive each other's messages", async () => {
    const [ada, grace, alone] = [
      await enter('Ada', 'one'),
      await enter('Grace', 'one'),
      await enter('Joan', 'two'),
    ];
    await say(ada, 'In room one');
    await sees(grace, 'In room one');
    await say(alone, 'In room two');
    await people(alone).toEqual(['Joan']);
    await people(ada).toEqual(['Ada', 'Grace']);
    expect(await ada.locator('.bubble').allTextContents()).toEqual(['In room one']);
  });

  test('5.3 typing is shown in the other window and ends with the message', async () => {
    const ada = await enter('Ada', 'typing');
    const grace = await enter('Grace', 'typing');
    await ada.locator('#text').pressSequentially('We');
    await grace.waitForSelector('#typing:text-is("Ada is typing…")');
    expect(await ada.textContent('#typing')).toBe('');
    await ada.press('#text', 'Enter');
    await sees(grace, 'We');
    await expect.poll(() => grace.textContent('#typing')).toBe('');
  });

  test('5.3 users who join, change their name or leave are shown to the others', async () => {
    const ada = await enter('Ada', 'people');
    const grace = await enter('Grace', 'people');
    await people(grace).toEqual(['Grace', 'Ada']);
    await people(ada).toEqual(['Ada', 'Grace']);
    await grace.fill('#name', 'Hopper');
    await grace.press('#name', 'Tab');
    await people(ada).toEqual(['Ada', 'Hopper']);
    await grace.close({ runBeforeUnload: false });
    await people(ada).toEqual(['Ada']);
    await ada.waitForSelector('.note:text-is("Hopper left")');
  });

  test('5.3 messages are shown as text, never as markup', async () => {
    const ada = await enter('<b>Ada</b>', 'markup');
    const grace = await enter('Grace', 'markup');
    await say(ada, '<img src=x onerror="document.title=1">');
    await expect
      .poll(() => grace.locator('.bubble').allTextContents())
      .toEqual(['<img src=x onerror="document.title=1">']);
    await people(grace).toEqual(['Grace', '<b>Ada</b>']);
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
    const ada = await enter('Ada', 'restart');
    const grace = await enter('Grace', 'restart');
    const { port } = server;
    await watchState(ada);
    server.kill('SIGKILL');
    await server.exited;
    server = await startServer({ REVERB_SERVER_PORT: String(port) });
    await expect.poll(() => seen(ada), { timeout: RECONNECT_MS }).toContain('connecting, disabled');
    for (const page of [ada, grace]) {
      await page.waitForSelector('#text:enabled', { timeout: RECONNECT_MS });
    }
    await people(ada).toEqual(['Ada', 'Grace']);
    await say(ada, 'Back again');
    await sees(grace, 'Back again');
  }, 60_000);
});
