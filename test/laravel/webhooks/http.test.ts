/** Webhooks over HTTP in a stock Laravel: the printed route and controller, pusher/pusher-php-server, and Laravel's CSRF protection. */
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { webhookHeaders } from '#protocol';
import { APP, APP_VARIABLES } from '../../support/app.ts';
import { startServer } from '../../support/server.ts';
import { assemble, configure } from '../app-folder.ts';
import type { Laravel } from '../packages.ts';
import { serve, type WebServer } from '../php.ts';
import { openClient } from '../../webhooks/client.ts';
import { describeLaravels } from './laravels.ts';
import { printedAfter, writePrinted } from '../../webhooks/printed.ts';
import { logOf } from './worker.ts';

const SETUP_MS = 300_000;
const TEST_MS = 60_000;
const WAIT = { timeout: 20_000, interval: 100 };
const CREDENTIAL = { key: APP.key, secret: APP.secret };
const CONTROLLER = 'app/Http/Controllers/WavehallWebhookController.php';

/** Adds what the page prints for a route, a controller and the exception from CSRF protection, as its reader does. */
async function addRoute(folder: string, laravel: Laravel): Promise<void> {
  await writePrinted(folder, CONTROLLER);
  await appendFile(join(folder, 'routes/web.php'), `\n${printedAfter('`routes/web.php`')}`);
  if (laravel.overlay !== undefined) return;
  const bootstrap = join(folder, 'bootstrap/app.php');
  const before = await readFile(bootstrap, 'utf8');
  const printed = printedAfter('`bootstrap/app.php`').trim();
  const after = before.replace(/->withMiddleware\([^]+?\n {4}\}\)/, () => printed);
  expect(after).toContain('validateCsrfTokens');
  await writeFile(bootstrap, after);
}

await describeLaravels('the printed controller accepts a webhook', scenario);

function scenario(laravel: Laravel): void {
  let folder: string;
  let web: WebServer;

  beforeAll(async () => {
    folder = await assemble(laravel);
    await configure(folder, 'reverb', 1);
    await addRoute(folder, laravel);
    web = await serve(folder);
  }, SETUP_MS);

  afterAll(async () => {
    await web.close();
    await rm(folder, { recursive: true, force: true });
  });

  const post = (body: string, headers: Record<string, string>) =>
    fetch(`${web.url}/webhooks/wavehall`, { method: 'POST', body, headers });

  async function start(more: Record<string, string> = {}) {
    const server = await startServer({
      ...APP_VARIABLES,
      REVERB_WEBHOOK_URL: `${web.url}/webhooks/wavehall`,
      WAVEHALL_WEBHOOK_ALLOW_PRIVATE: '127.0.0.1',
      REVERB_WEBHOOK_DISCONNECT_SMOOTHING_MS: '0',
      ...more,
    });
    onTestFinished(() => server.close());
    return server;
  }

  test('9.2 every kind of event has a channel for the PHP library', { timeout: TEST_MS }, async () => {
    const server = await start({
      REVERB_WEBHOOK_SUBSCRIPTION_COUNT: 'true',
      REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM: 'members',
    });
    const client = await openClient(server);
    await client.subscribe('cache-news');
    await client.subscribe('presence-room', 'Zoë');
    client.wire.send({
      event: 'client-é/"ü"',
      channel: 'presence-room',
      data: 'half \ud800 <b>/</b> \u0000',
    });
    await client.wire.settle();
    await client.wire.close();
    const expected = [
      'channel_occupied on cache-news',
      'cache_miss on cache-news',
      'subscription_count on cache-news',
      'member_added on presence-room',
      'client_event on presence-room',
      'member_removed on presence-room',
      'channel_vacated on presence-room',
      'channel_vacated on cache-news',
    ];
    for (const line of expected) await expect.poll(() => logOf(folder), WAIT).toContain(line);
    expect(await logOf(folder)).not.toMatch(/ERROR|Undefined/);
  });

  test('9.1 the controller loops over the events of a batch', { timeout: TEST_MS }, async () => {
    const server = await start({
      REVERB_WEBHOOK_BATCHING_ENABLED: 'true',
      REVERB_WEBHOOK_BATCHING_MAX_DELAY_MS: '300',
      REVERB_WEBHOOK_EVENTS: 'channel_occupied',
    });
    const client = await openClient(server);
    const names = ['batch-1', 'batch-2', 'batch-3'];
    for (const name of names) await client.subscribe(name);
    for (const name of names)
      await expect.poll(() => logOf(folder), WAIT).toContain(`channel_occupied on ${name}`);
  });

  test(
    '7.5 a body with slashes and other alphabets is accepted as it is signed',
    { timeout: TEST_MS },
    async () => {
      const events = [
        { name: 'channel_occupied', channel: 'a' },
        { name: 'channel_vacated', channel: '日本/<é>\u2028' },
      ];
      for (const body of [
        JSON.stringify({ time_ms: 1, events }),
        JSON.stringify({ time_ms: 1, events }).replaceAll('/', '\\/'),
      ]) {
        const answer = await post(body, webhookHeaders(CREDENTIAL, body));
        expect(answer.status).toBe(204);
      }
      expect(await logOf(folder)).toContain('channel_vacated on 日本/<é>');
    },
  );

  test.each([
    ['another body', (headers: Record<string, string>) => headers, '{"time_ms":1,"events":[] }'],
    [
      'another key',
      (headers: Record<string, string>) => ({ ...headers, 'X-Pusher-Key': 'other' }),
      undefined,
    ],
    [
      'an empty signature',
      (headers: Record<string, string>) => ({ ...headers, 'X-Pusher-Signature': '' }),
      undefined,
    ],
    ['no headers', () => ({}), undefined],
  ])('7.5 the controller refuses %s', { timeout: TEST_MS }, async (_, change, other) => {
    const body = '{"time_ms":1,"events":[]}';
    const headers = webhookHeaders(CREDENTIAL, body);
    expect((await post(other ?? body, change(headers) as Record<string, string>)).status).toBe(401);
    expect((await post(body, headers)).status).toBe(204);
  });

  test('9.6 an app that answers 419 is told so in the log of the server', { timeout: TEST_MS }, async () => {
    const server = await start({
      REVERB_WEBHOOK_URL: `${web.url}/feed`,
      REVERB_WEBHOOK_EVENTS: 'channel_occupied',
    });
    const client = await openClient(server);
    for (let count = 1; count <= 6; count += 1) await client.subscribe(`channel-${count}`);
    await expect.poll(() => server.output(), WAIT).toMatch(/Webhook endpoint app-id-1 fails/);
  });
}
