/** The page in Chromium while the server answers its questions late or not at all. */
import type { Browser, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { LONG_MS, operated } from '../cli/operated-server.ts';
import { launchChromium, withChromium } from '../support/browser.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { eventually } from '../support/wire.ts';
import { logInByKeyboard, openConsole, openView } from './browser-page.ts';
import { clientOn } from './two-nodes.ts';

vi.setConfig({ testTimeout: 4 * LONG_MS });

/** Time between two questions of the overview; it waits twice as long for an answer. */
const POLL_MS = 5000;

/** Questions of a page that wait for their answers. */
class HeldQuestions {
  readonly #waiting: Route[] = [];
  #isHeld = true;

  static async on(page: Page, pattern: string): Promise<HeldQuestions> {
    const held = new HeldQuestions();
    await page.route(pattern, async (route) => {
      if (held.#isHeld) held.#waiting.push(route);
      else await route.continue();
    });
    return held;
  }

  get count(): number {
    return this.#waiting.length;
  }

  async release(): Promise<void> {
    this.#isHeld = false;
    await Promise.all(this.#waiting.map((route) => route.continue()));
  }
}

/** Refuses the first questions of a page; the function returned lets the others through. */
async function refuse(page: Page, pattern: string): Promise<() => void> {
  let isRefused = true;
  await page.route(pattern, (route) =>
    isRefused ? route.fulfill({ status: 503, json: { error: 'Not now.' } }) : route.continue(),
  );
  return () => (isRefused = false);
}

withChromium('the console while its questions wait', () => {
  let browser: Browser;
  let server: TestServer;
  beforeAll(async () => {
    browser = await launchChromium();
    server = await startServer(operated());
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
  });

  const opened = async () => {
    const { context, page, problems } = await openConsole(browser, server);
    onTestFinished(() => context.close());
    const loggedIn = async (): Promise<void> => {
      await logInByKeyboard(page);
      await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    };
    return { page, problems, loggedIn };
  };

  test('17.7 a search that is typed before the apps are known is made when they are', async () => {
    const { page, problems, loggedIn } = await opened();
    await clientOn(server, ['orders', 'others']);
    await loggedIn();
    const apps = await HeldQuestions.on(page, '**/admin/apps');
    await openView(page, 'Channels');
    await page.getByRole('searchbox').fill('order');
    await page.waitForURL(/search=order/);
    await apps.release();
    const found = page.getByRole('list', { name: 'Found channels' }).getByRole('listitem');
    await found.filter({ hasText: 'orders' }).waitFor();
    await found.filter({ hasText: 'others' }).waitFor({ state: 'detached' });
    expect(problems).toEqual([]);
  });

  test('17.8 a socket id that is given before the apps are known is looked for when they are', async () => {
    const { page, problems, loggedIn } = await opened();
    const { socketId } = await clientOn(server, []);
    await loggedIn();
    const apps = await HeldQuestions.on(page, '**/admin/apps');
    await openView(page, 'Connection');
    await page.getByLabel('Socket id').fill(socketId);
    await page.getByLabel('Socket id').press('Enter');
    await apps.release();
    await page.getByText('open', { exact: true }).waitFor();
    expect(problems).toEqual([]);
  });

  test.each(['Channels', 'Users', 'Connection', 'Event creator'])(
    '17.7 %s says that the apps are not known, and asks for them until they are',
    async (view) => {
      const { page, problems, loggedIn } = await opened();
      await loggedIn();
      const answer = await refuse(page, '**/admin/apps');
      await openView(page, view);
      await page.getByRole('alert').filter({ hasText: 'Not now.' }).waitFor();
      answer();
      await page.getByRole('combobox', { name: 'App' }).filter({ hasText: 'app-id' }).waitFor();
      await page.getByRole('alert').filter({ hasText: 'Not now.' }).waitFor({ state: 'detached' });
      expect(problems).toEqual([]);
    },
  );

  test('17.13 the parts are asked for until they are known, and the other views are there before', async () => {
    const { page, problems, loggedIn } = await opened();
    const answer = await refuse(page, '**/admin/parts');
    await loggedIn();
    const views = page.getByRole('navigation', { name: 'Views' });
    await openView(page, 'Live');
    expect(await views.getByRole('link', { name: 'Doctor' }).count()).toBe(0);
    answer();
    await views.getByRole('link', { name: 'Doctor' }).waitFor();
    await page.getByRole('heading', { level: 1, name: 'Live' }).waitFor();
    expect(problems).toEqual([]);
  });

  test('17.15 the charts of one choice are not shown for another that has no answer, which can be changed', async () => {
    const { page, problems, loggedIn } = await opened();
    await loggedIn();
    const charts = page.getByRole('img', { name: /^Connections: open/ });
    await charts.waitFor();
    await page.route('**/admin/history*', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...(await response.json()), apps: ['gone'] } });
    });
    await page.route('**/admin/history?*app=gone*', (route) => route.fulfill({ status: 503, json: {} }));
    await page.reload();
    await page.getByRole('combobox', { name: 'App' }).selectOption('gone');
    await page.getByRole('alert').filter({ hasText: 'The server answered 503.' }).waitFor();
    await charts.waitFor({ state: 'detached' });
    await page.getByRole('combobox', { name: 'App' }).selectOption('all apps');
    await charts.waitFor();
    expect(problems).toEqual([]);
  });

  test('17.1 a question is not asked again while it waits for its answer', async () => {
    const { page, problems, loggedIn } = await opened();
    await page.clock.install();
    await loggedIn();
    const answers = await HeldQuestions.on(page, '**/admin/status');
    await page.clock.runFor(POLL_MS);
    await eventually(() => answers.count === 1, 'the question', LONG_MS);
    await page.clock.runFor(POLL_MS * 1.5);
    // Shows that the page has worked on: it opens another view.
    await openView(page, 'Users');
    expect(answers.count).toBe(1);
    await answers.release();
    expect(problems).toEqual([]);
  });

  test.each([
    ['a part of its text', '{"node":{"apps"', 'The answer of the server was cut off.'],
    ['another form', '{"workers":7}', 'The answer of the server cannot be shown.'],
  ])(
    '17.1 an answer with %s is a problem of its view alone, until the next one',
    async (_, body, problem) => {
      const { page, loggedIn } = await opened();
      await loggedIn();
      await page.getByRole('region', { name: 'State' }).waitFor();
      let isWhole = false;
      await page.route('**/admin/status', (route) =>
        isWhole ? route.continue() : route.fulfill({ status: 200, contentType: 'application/json', body }),
      );
      await page.getByRole('alert').filter({ hasText: problem }).waitFor();
      await openView(page, 'Users');
      await openView(page, 'Overview');
      await page.getByRole('alert').filter({ hasText: problem }).waitFor();
      isWhole = true;
      // A view that only has no answer asks again by itself.
      const again = page.getByRole('button', { name: 'Try again' });
      if ((await again.count()) > 0) await again.click();
      await page.getByRole('region', { name: 'State' }).waitFor();
      await page.getByRole('alert').filter({ hasText: problem }).waitFor({ state: 'detached' });
    },
  );
});
