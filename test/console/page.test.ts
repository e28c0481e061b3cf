/** The page of the console, as a real server serves it. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import { LONG_MS, operated, startOperated } from '../cli/operated-server.ts';
import { get, startWithPorts } from '../cli/ports.ts';
import { ask, logIn } from './operator.ts';

vi.setConfig({ testTimeout: 4 * LONG_MS });
const BUILT = fileURLToPath(new URL('../../dist/console/', import.meta.url));
const MAX_PAGE_BYTES = 120_000;

const filesIn = (): readonly string[] =>
  readdirSync(BUILT, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map(({ parentPath, name }) => `${parentPath}/${name}`.slice(BUILT.length).replace(/^\//, ''));

test('17.1 serves the page and each of its files from this server, with headers that forbid all others', async () => {
  const server = await startOperated(operated());
  const page = await ask(server, 'GET', '/admin/console/');
  expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
  expect(page.headers).toMatchObject({
    'cache-control': 'no-cache',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  const policy = page.headers['content-security-policy'];
  expect(policy).toContain("default-src 'self'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/unsafe|\*|http/);
  expect(page.headers).not.toHaveProperty('strict-transport-security');
  const names = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name = '']) => name);
  expect(names.length).toBeGreaterThan(1);
  expect(names.filter((name) => !name.startsWith('./'))).toEqual([]);
  for (const name of filesIn()) {
    const file = await ask(server, 'GET', `/admin/console/${name}`);
    expect([name, file.status]).toEqual([name, 200]);
    expect(file.headers['cache-control']).toBe(
      name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    );
  }
});

test('17.1 redirects to the page relative to the path that was asked for', async () => {
  const server = await startOperated(operated());
  const { status, headers } = await ask(server, 'GET', '/admin/console');
  expect([status, headers.location]).toEqual([302, 'console/']);
});

test('17.1 answers 404 for every other path, and for a file outside of the page', async () => {
  const server = await startOperated(operated());
  for (const path of [
    'nothing',
    'assets/',
    '../status',
    '%2e%2e/%2e%2e/package.json',
    '..%2f..%2fpackage.json',
    'assets/..%5c..%5cindex.html',
    '.env',
    'index.html%00.js',
  ]) {
    const { status, text } = await ask(server, 'GET', `/admin/console/${path}`);
    expect([path, String(status)]).toEqual([path, expect.stringMatching(/^40[014]$/)]);
    expect(text).not.toContain('devDependencies');
  }
});

test('17.1 is off without a token, and with WAVEHALL_CONSOLE=off', async () => {
  for (const env of [
    { ...operated(), WAVEHALL_ADMIN_TOKEN: '' },
    { ...operated(), WAVEHALL_CONSOLE: 'off' },
  ]) {
    const server = await startOperated(env);
    expect((await ask(server, 'GET', '/admin/console/')).status).toBe('WAVEHALL_CONSOLE' in env ? 401 : 404);
    expect((await logIn(server)).status).toBe('WAVEHALL_CONSOLE' in env ? 401 : 404);
  }
});

test('17.1 is at the port of the admin API alone', async () => {
  const { main, api, metrics } = await startWithPorts({ WAVEHALL_ADMIN_TOKEN: 'token' });
  const statuses = [main, api, metrics].map(async (port) => (await get(port, '/admin/console/')).status);
  expect(await Promise.all(statuses)).toEqual([404, 200, 404]);
});

test(`17.1 the page has less than ${MAX_PAGE_BYTES / 1000} kB, compressed`, () => {
  const bytes = filesIn().reduce((sum, name) => sum + gzipSync(readFileSync(BUILT + name)).length, 0);
  expect(bytes).toBeGreaterThan(1000);
  expect(bytes).toBeLessThan(MAX_PAGE_BYTES);
});

test('17.1 no file of the page names another server', () => {
  for (const name of filesIn()) {
    const found = readFileSync(BUILT + name, 'utf8').match(/https?:\/\/[\w.-]+\.[a-z]+/g) ?? [];
    expect([name, found.filter((url) => !/w3\.org$/.test(url))]).toEqual([name, []]);
  }
});
