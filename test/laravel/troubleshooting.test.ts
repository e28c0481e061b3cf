/** The PHP that docs/troubleshooting.md prints, in a Laravel app. */
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { optionsFor, Pusher, subscribeTo } from '../clients/stock-clients.ts';
import { freePort } from '../support/free-port.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { eventually } from '../support/wire.ts';
import { assemble, configure } from './app-folder.ts';
import { laravel8 } from './packages.ts';
import { php } from './php.ts';
import { missingRequirements } from './requirements.ts';

const CREDENTIALS = { REVERB_APP_ID: 'app-id', REVERB_APP_KEY: 'app-key', REVERB_APP_SECRET: 'app-secret' };
const SETUP_MS = 300_000;
const TEST_MS = 60_000;

const page = readFileSync(new URL('../../docs/troubleshooting.md', import.meta.url), 'utf8');
const [publishByHand = '', listChannels = ''] = [...page.matchAll(/^ *```php\n *([^]+?)\n *```$/gm)].map(
  ([, text = '']) => text.trim(),
);
const missing = missingRequirements();

describe.skipIf(missing !== undefined && process.env['CI'] === undefined)(`on ${laravel8.name}`, () => {
  let folder: string;
  let server: TestServer;

  beforeAll(async () => {
    folder = await assemble(laravel8);
    server = await startServer(CREDENTIALS);
    await configure(folder, 'reverb', server.port);
  }, SETUP_MS);

  afterAll(async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  test('the first PHP block publishes at once, without a queue', { timeout: TEST_MS }, async () => {
    expect(publishByHand).toContain('->broadcast(');
    const pusher = new Pusher(CREDENTIALS.REVERB_APP_KEY, optionsFor(server));
    const received: unknown[] = [];
    const { channel } = await subscribeTo(pusher, 'orders');
    channel.bind('test', (data: unknown) => received.push(data));
    await php(folder, publishByHand);
    await eventually(() => received.length > 0, 'the event arrives');
    expect(received).toEqual([{ hello: 'world' }]);
    pusher.disconnect();
  });

  test('the second PHP block lists the channels with subscribers', { timeout: TEST_MS }, async () => {
    // Version 4 of Pusher's library, which belongs to Laravel 8, has this call under its older name.
    const expression = listChannels.replace('getChannels(', 'get_channels(');
    expect(expression).not.toBe(listChannels);
    const pusher = new Pusher(CREDENTIALS.REVERB_APP_KEY, optionsFor(server));
    await subscribeTo(pusher, 'invoices');
    expect(await php(folder, expression)).toMatchObject({
      channels: { invoices: { subscription_count: 1 } },
    });
    pusher.disconnect();
  });

  test('without a server the first block throws an exception', { timeout: TEST_MS }, async () => {
    await configure(folder, 'reverb', await freePort());
    await expect(php(folder, publishByHand)).rejects.toThrow(/BroadcastException/);
    await configure(folder, 'reverb', server.port);
  });
});
