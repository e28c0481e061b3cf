/** Lighthouse's own route for webhooks, with its real package, its storage and its PusherBroadcaster. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { APP_VARIABLES } from '../../support/app.ts';
import { startServer } from '../../support/server.ts';
import { assemble, configure } from '../app-folder.ts';
import type { Laravel } from '../packages.ts';
import { php, serve, type WebServer } from '../php.ts';
import { openClient } from '../../webhooks/client.ts';
import { describeLaravels } from './laravels.ts';

const SETUP_MS = 300_000;
const TEST_MS = 60_000;
const WAIT = { timeout: 20_000, interval: 100 };
const STORAGE = 'app(Nuwave\\Lighthouse\\Subscriptions\\Contracts\\StoresSubscriptions::class)';

/** Creates a subscriber without its query, which would need a schema. */
const SUBSCRIBER = `(function (string $channel) {
  $subscriber = (new ReflectionClass(Nuwave\\Lighthouse\\Subscriptions\\Subscriber::class))->newInstanceWithoutConstructor();
  $subscriber->channel = $channel;
  $subscriber->topic = 'POSTED';
  $subscriber->fieldName = 'posted';
  $subscriber->variables = [];
  $subscriber->args = [];
  $subscriber->socket_id = null;
  $subscriber->query = GraphQL\\Language\\Parser::parse('{ posted }');
  $subscriber->context = app(Nuwave\\Lighthouse\\Support\\Contracts\\CreatesContext::class)->generate(null);
  return $subscriber;
})`;

await describeLaravels('Lighthouse forgets the subscriber of a vacated channel', scenario, { only12: true });

function scenario(laravel: Laravel): void {
  let folder: string;
  let web: WebServer;

  beforeAll(async () => {
    folder = await assemble(laravel);
    await configure(folder, 'pusher', 1, { LIGHTHOUSE_SUBSCRIPTION_STORAGE: 'file' });
    const providers = join(folder, 'bootstrap/providers.php');
    const before = await readFile(providers, 'utf8');
    const provider = 'Nuwave\\Lighthouse\\Subscriptions\\SubscriptionServiceProvider::class';
    await writeFile(providers, before.replace('];', `    ${provider},\n];`));
    web = await serve(folder);
  }, SETUP_MS);

  afterAll(async () => {
    await web.close();
    await rm(folder, { recursive: true, force: true });
  });

  const isStored = (channel: string) =>
    php(folder, `${STORAGE}->subscriberByChannel('${channel}') !== null;`);

  test(
    '9.2 channel_vacated deletes the subscriber of the channel, and no other',
    { timeout: TEST_MS },
    async () => {
      const server = await startServer({
        ...APP_VARIABLES,
        REVERB_WEBHOOK_URL: `${web.url}/graphql/subscriptions/webhook`,
        REVERB_WEBHOOK_CHANNEL_PREFIX: 'private-lighthouse-',
        WAVEHALL_WEBHOOK_ALLOW_PRIVATE: '127.0.0.1',
        REVERB_WEBHOOK_DISCONNECT_SMOOTHING_MS: '0',
      });
      onTestFinished(() => server.close());
      const [left, stays] = ['private-lighthouse-left-1', 'private-lighthouse-stays-1'];
      for (const channel of [left, stays])
        await php(folder, `${STORAGE}->storeSubscriber(${SUBSCRIBER}('${channel}'), 'POSTED');`);
      const [leaving, staying] = [await openClient(server), await openClient(server)];
      await leaving.subscribe(left);
      await staying.subscribe(stays);
      expect(await isStored(left)).toBe(true);
      await leaving.wire.close();
      await expect.poll(() => isStored(left), WAIT).toBe(false);
      expect(await isStored(stays)).toBe(true);
    },
  );
}
