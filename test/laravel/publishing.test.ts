/** The queue of a stock Laravel, when events get 429 or no answer; with the PHP that docs/publishing.md prints. */
import { readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { APP, APP_VARIABLES } from '../support/app.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { publisher } from '../support/wire-http.ts';
import { assemble, configure } from './app-folder.ts';
import { type Laravel, laravel8 } from './packages.ts';
import { artisan, php } from './php.ts';
import { AnswerlessProxy } from './answerless-proxy.ts';
import { describeLaravels } from './webhooks/laravels.ts';
import { startWorker } from './webhooks/worker.ts';

const SETUP_MS = 300_000;
const TEST_MS = 90_000;
const WAIT = { timeout: 60_000, interval: 200 };
const PROVIDER = 'app/Providers/AppServiceProvider.php';
const CLASS = 'app/Broadcasting/IdempotentPublishing.php';

const page = readFileSync(new URL('../../docs/publishing.md', import.meta.url), 'utf8');
/** The block that the page prints after the name of a file. */
const printed = (file: string): string =>
  /^```php\n([^]*?)^```$/m.exec(page.slice(page.indexOf(`\`${file}\``)))?.[1] ?? '';

await describeLaravels('an event that was refused is published by the queue', scenario);

function scenario(laravel: Laravel): void {
  let folder: string;
  let redis: TestRedis;
  let server: TestServer;
  let proxy: AnswerlessProxy;

  beforeAll(async () => {
    redis = await startRedis();
    server = await startServer({ ...APP_VARIABLES, WAVEHALL_MAX_REQUESTS_PER_SECOND: '1' });
    proxy = await AnswerlessProxy.open(server.port);
    folder = await assemble(laravel);
    await configure(folder, 'reverb', proxy.port, {
      REVERB_APP_ID: APP.id,
      REVERB_APP_KEY: APP.key,
      REVERB_APP_SECRET: APP.secret,
      QUEUE_CONNECTION: 'redis',
      REDIS_CLIENT: 'predis',
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: `${redis.port}`,
    });
    await artisan(folder, 'migrate', '--force');
  }, SETUP_MS);

  afterAll(async () => {
    await proxy.close();
    await server.close();
    await redis.close();
    await rm(folder, { recursive: true, force: true });
  });

  const endpoint = () => ({ ...APP, host: '127.0.0.1', port: server.port, prefix: '' });
  const post = (text: string) => artisan(folder, 'feed:post', text);
  /** Texts in the history of the channel; `undefined`: the request got 429 itself. */
  const published = async (): Promise<string[] | undefined> => {
    const { status, json } = await publisher(endpoint()).get('/channels/feed/events');
    if (status === 429) return undefined;
    const { events } = json as { events: { data: string }[] };
    return events.map(({ data }) => (JSON.parse(data) as { text: string }).text);
  };

  test('8.15 the queue of Laravel publishes every event that got 429', { timeout: TEST_MS }, async () => {
    for (const text of ['1', '2', '3', '4']) await post(text);
    const worker = startWorker(folder, '--tries=20', '--backoff=1');
    await expect.poll(() => proxy.statuses.filter((status) => status === 200).length, WAIT).toBe(4);
    await worker.close();
    expect(proxy.statuses).toContain(429);
    await expect.poll(published, WAIT).toHaveLength(4);
    expect((await expectAnswer(published)).toSorted()).toEqual(['1', '2', '3', '4']);
  });

  // Laravel 8 has pusher-php-server 4, which does not use Guzzle.
  if (laravel !== laravel8)
    test(
      '8.16 an event whose answer was lost is published once, with the printed class',
      { timeout: TEST_MS },
      async () => {
        await mkdir(dirname(join(folder, CLASS)), { recursive: true });
        await writeFile(join(folder, CLASS), printed(CLASS));
        const provider = await readFile(join(folder, PROVIDER), 'utf8');
        const call = printed(PROVIDER).trim();
        expect(call).toContain('::register()');
        await writeFile(
          join(folder, PROVIDER),
          provider.replace(/boot\(\): void\s*\{/, `$&\n        ${call}`),
        );
        await artisan(folder, 'config:cache');
        await artisan(folder, 'config:clear');
        proxy.dropAnswers(2);
        await post('once');
        const before = proxy.statuses.filter((status) => status === 200).length;
        const worker = startWorker(folder, '--tries=20', '--backoff=1');
        // Two answers that do not arrive, and one that does.
        await expect
          .poll(() => proxy.statuses.filter((status) => status === 200).length - before, WAIT)
          .toBeGreaterThanOrEqual(3);
        await worker.close();
        const keys = proxy.keys.slice(-3);
        expect(keys[0]).toMatch(/^[\w-]{36}\.[0-9a-f]{32}$/);
        expect(keys).toEqual([keys[0], keys[0], keys[0]]);
        expect((await expectAnswer(published)).filter((text) => text === 'once')).toHaveLength(1);
      },
    );

  test('8.15 an event that is not queued shows the 429 as an exception', { timeout: TEST_MS }, async () => {
    const publish = "\\Illuminate\\Support\\Facades\\Broadcast::connection()->broadcast(['feed'], 'n', [])";
    const attempt = `(function () { try { ${publish}; return 'sent'; } catch (\\Throwable $e) { return get_class($e).': '.$e->getMessage(); } })()`;
    const all = `(function () { $all = []; for ($at = 0; $at < 5; $at++) { $all[] = ${attempt}; } return $all; })();`;
    const outcomes = (await php(folder, all)) as string[];
    expect(outcomes.filter((each) => each.includes('BroadcastException')).length).toBeGreaterThan(0);
  });
}

/** The answer, once there is one. */
async function expectAnswer(read: () => Promise<string[] | undefined>): Promise<string[]> {
  let answer: string[] | undefined;
  await expect.poll(async () => (answer = await read()) !== undefined, WAIT).toBe(true);
  return answer ?? [];
}
