/** examples/node-backend: the backend in its own process, over HTTP and in Chromium windows. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium, withChromium } from '../support/browser.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { serveCdn } from './cdn.ts';

const WAIT_MS = 10_000;

const cleanups: (() => Promise<unknown>)[] = [];
let server: TestServer;
let url: string;

beforeAll(async () => {
  server = await startServer();
  cleanups.push(() => server.close());
  url = await startBackend(server);
});
afterAll(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

/** Runs the command of `npm start` and resolves with the printed address. */
async function startBackend({ host, port }: TestServer): Promise<string> {
  const child = spawn(process.execPath, ['server.js'], {
    cwd: 'examples/node-backend',
    env: { PATH: process.env['PATH'], PORT: '0', PUSHER_HOST: host, PUSHER_PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  cleanups.push(async () => {
    child.kill();
    await exited;
  });
  let output = '';
  return new Promise((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const found = /http:\/\/localhost:\d+/.exec(output)?.[0];
      if (found !== undefined) resolve(found);
    });
    child.on('exit', () => reject(new Error(`the backend ended: ${output}`)));
  });
}

/** Logs a user in; returns a function that sends requests with the user's cookie. */
async function logIn(name: string) {
  const login = await request('POST', '/login', { name });
  const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? '';
  return (method: string, path: string, body?: object) => request(method, path, body, cookie);
}

async function request(method: string, path: string, body?: object, cookie = '') {
  const response = await fetch(url + path, {
    method,
    headers: { 'Content-Type': 'application/json', Cookie: cookie },
    ...(body && { body: JSON.stringify(body) }),
  });
  const json = (await response.json()) as Record<string, unknown>;
  return { status: response.status, headers: response.headers, json };
}

describe('the backend over HTTP', () => {
  test('3.5 signs the channels that a user may join, and no others', async () => {
    const ada = await logIn('Ada');
    const authStatus = async (channel_name: string) =>
      (await ada('POST', '/broadcasting/auth', { socket_id: '1.2', channel_name })).status;
    expect(await authStatus('private-user-ada')).toBe(200);
    expect(await authStatus('presence-team')).toBe(200);
    expect(await authStatus('private-user-grace')).toBe(403);
    expect(await authStatus('private-user-ada:::1')).toBe(403);
    expect(await authStatus('presence-other')).toBe(403);
  });

  test('3.5 signs only for users who are logged in, and only for valid socket ids', async () => {
    const form = { socket_id: '1.2', channel_name: 'presence-team' };
    expect((await request('POST', '/broadcasting/auth', form)).status).toBe(403);
    expect((await request('POST', '/user-auth', form)).status).toBe(403);
    const ada = await logIn('Ada');
    const invalid = { socket_id: '1.2:private-user-grace', channel_name: 'private-user-ada' };
    expect((await ada('POST', '/broadcasting/auth', invalid)).status).toBe(422);
  });

  test('8.6 lists the channels, none of them occupied', async () => {
    const ada = await logIn('Ada');
    expect((await ada('GET', '/channels')).json).toEqual({ channels: {} });
    expect((await ada('GET', '/people')).json).toEqual({ users: [] });
  });

  test('8.4 depends on the SDK version that these tests use', async () => {
    const dependencyOf = async (file: string, kind: 'dependencies' | 'devDependencies') =>
      (JSON.parse(await readFile(file, 'utf8')) as Record<string, Record<string, string>>)[kind]?.['pusher'];
    expect(await dependencyOf('examples/node-backend/package.json', 'dependencies')).toBe(
      await dependencyOf('package.json', 'devDependencies'),
    );
  });
});

withChromium('8.4 the page of the Node backend', () => {
  let browser: Browser;
  let ada: Page;
  let grace: Page;
  const failures: string[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
    cleanups.push(() => browser.close());
    [ada, grace] = [await open('Ada'), await open('Grace')];
  });
  afterEach(() => expect(failures.splice(0)).toEqual([]));

  async function open(name: string): Promise<Page> {
    const context = await browser.newContext();
    await serveCdn(context);
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS);
    page.on('pageerror', (error) => failures.push(error.message));
    await page.goto(url);
    await page.fill('[name=name]', name);
    await page.click('#login button');
    await page.waitForSelector(`[data-person="${name}"]`);
    return page;
  }

  const textShown = (page: Page, where: string, what: string) =>
    page.waitForSelector(`[data-where="${where}"]:has-text("${what}")`);
  const shownCount = (page: Page, where: string) => page.locator(`[data-where="${where}"]`).count();
  const publish = async (page: Page, where: '/news' | '/secret', text: string) => {
    await page.fill('[name=text]', text);
    await page.click(`[data-post="${where}"]`);
  };

  test('4.3 both windows show the members of the presence channel', async () => {
    for (const page of [ada, grace]) {
      await expect
        .poll(() =>
          page.$$eval('[data-person]', (list) => list.map((item) => item.getAttribute('data-person')).sort()),
        )
        .toEqual(['Ada', 'Grace']);
    }
  });

  test('8.4 a published text reaches the other window, and is shown once in its own', async () => {
    await publish(ada, '/news', 'Version 2 is out');
    await textShown(grace, 'news', 'Ada: Version 2 is out');
    await textShown(ada, 'news', 'You: Version 2 is out');
    await publish(grace, '/news', 'I saw it');
    await textShown(ada, 'news', 'Grace: I saw it');
    expect(await shownCount(ada, 'news')).toBe(2);
  });

  test('7.7 an encrypted text can be read in both windows', async () => {
    await publish(grace, '/secret', 'The cake is in the kitchen');
    for (const page of [ada, grace]) await textShown(page, 'encrypted', 'Grace: The cake is in the kitchen');
  });

  test('8.5 a batch reaches all users and one user', async () => {
    await ada.click('#digest');
    await textShown(ada, 'private', 'Your digest, Ada');
    await textShown(grace, 'news', 'A digest is out');
    expect(await shownCount(grace, 'private')).toBe(0);
  });

  test('6.4 a greeting reaches one user', async () => {
    await grace.click('[data-person=Ada] button:text-is("Hello")');
    await textShown(ada, 'to you alone', 'Grace: Hello!');
    expect(await shownCount(grace, 'to you alone')).toBe(0);
  });

  test('8.6 the server lists the occupied channels', async () => {
    await ada.click('#ask');
    await ada.waitForSelector('#channels li');
    const shown = await ada.locator('#channels li').allTextContents();
    expect(shown.map((text) => text.replace(/\s+/g, ' ')).sort()).toEqual([
      'newssockets: 2',
      'presence-teamusers: 2',
      'private-encrypted-teamsockets: 2',
      'private-user-adasockets: 1',
      'private-user-gracesockets: 1',
    ]);
  });

  test('6.7 a terminated user is disconnected, and reconnects only by a click', async () => {
    await ada.click('[data-person=Grace] button:text-is("Disconnect")');
    await grace.waitForSelector('#connection[data-state=disconnected]');
    await textShown(grace, 'error', 'You got disconnected by the app. (4009)');
    await ada.waitForSelector('[data-person=Grace]', { state: 'detached' });
    await grace.click('#again');
    await grace.waitForSelector('#connection[data-state=connected]');
    await ada.waitForSelector('[data-person=Grace]');
  });
});
