/** Webhooks as jobs of a stock Laravel: a real server, a real Redis, and `php artisan queue:work` with the classes that the page prints. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { APP_VARIABLES } from '../../support/app.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { startServer } from '../../support/server.ts';
import { assemble, configure } from '../app-folder.ts';
import type { Laravel } from '../packages.ts';
import { artisan, php } from '../php.ts';
import { type Client, openClient } from '../../webhooks/client.ts';
import { describeLaravels } from './laravels.ts';
import { printedAfter, writePrinted } from '../../webhooks/printed.ts';
import { logOf, startWorker } from './worker.ts';

const SETUP_MS = 300_000;
const TEST_MS = 60_000;
const WAIT = { timeout: 20_000, interval: 100 };
const JOB = 'app/Jobs/HandleWavehallWebhook.php';

test('9.8 the class of the example is the one that the page prints', async () => {
  const example = await readFile(new URL(`../../../examples/laravel/${JOB}`, import.meta.url), 'utf8');
  expect(printedAfter(`\`${JOB}\``)).toBe(example);
});

await describeLaravels('a job runs in a stock worker', scenario);

function scenario(laravel: Laravel): void {
  const cleanups: (() => unknown)[] = [];
  let folder: string;
  let redis: TestRedis;
  let prefix: string;

  beforeAll(async () => {
    folder = await assemble(laravel);
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    redis = await startRedis();
    cleanups.push(() => redis.close());
    await configure(folder, 'reverb', 1, {
      QUEUE_CONNECTION: 'redis',
      REDIS_CLIENT: 'predis',
      REDIS_PORT: String(redis.port),
      REDIS_QUEUE_RETRY_AFTER: '2',
    });
    for (const file of [
      'app/Jobs/TrackOnlineUsers.php',
      'database/migrations/2026_01_02_000000_add_online_to_users.php',
    ])
      await writePrinted(folder, file);
    await artisan(folder, 'migrate', '--seed', '--force');
    prefix = (await php(folder, "config('database.redis.options.prefix');")) as string;
  }, SETUP_MS);

  afterAll(async () => {
    for (const cleanup of cleanups.toReversed()) await cleanup();
  });

  if (laravel.overlay === undefined)
    test('9.8 config:show prints the prefix of the keys', async () => {
      expect(await artisan(folder, 'config:show', 'database.redis.options.prefix')).toContain(` ${prefix}`);
    });

  /** Starts a server that pushes to this queue, and a worker. */
  async function start(queue: string, more: Record<string, string> = {}, query = '') {
    const server = await startServer({
      ...APP_VARIABLES,
      REVERB_WEBHOOK_URL: `${redis.url}/0/queue:${queue}?prefix=${prefix}${query}`,
      REVERB_WEBHOOK_DISCONNECT_SMOOTHING_MS: '0',
      ...more,
    });
    onTestFinished(() => server.close());
    return server;
  }

  function work(queue: string, ...options: string[]) {
    const worker = startWorker(folder, `--queue=${queue}`, ...options);
    onTestFinished(() => worker.close());
    return worker;
  }

  const failedJobs = () => artisan(folder, 'queue:failed').catch(() => '');
  const exceptionOf = (job: string) =>
    php(folder, `app('db')->table('failed_jobs')->where('payload', 'like', '%${job}%')->value('exception');`);
  const sizeOf = (queue: string) => php(folder, `app('queue')->connection('redis')->size('${queue}');`);

  /** Replaces what the class of the app does with an event, until the test ends or the result is called. */
  async function handleWith(body: string): Promise<() => Promise<void>> {
    const path = join(folder, JOB);
    const before = await readFile(path, 'utf8');
    const restore = () => writeFile(path, before);
    onTestFinished(restore);
    const method = /^ {4}private function handleEvent[^]+?^ {4}\}/m;
    await writeFile(
      path,
      before.replace(method, () => `private function handleEvent(array $event): void\n{\n${body}\n}`),
    );
    return restore;
  }

  test('9.8 each event is one job, which the printed class handles', { timeout: TEST_MS }, async () => {
    const server = await start('hooks');
    work('hooks');
    const client = await openClient(server);
    await client.subscribe('presence-room', 'Zoë/1');
    await expect.poll(() => logOf(folder), WAIT).toContain('Zoë/1 is on presence-room.');
    await client.wire.close();
    await expect.poll(() => logOf(folder), WAIT).toContain('Nobody is on presence-room.');
    await expect.poll(() => sizeOf('hooks'), WAIT).toBe(0);
    expect(await logOf(folder)).not.toContain('ERROR');
  });

  test(
    '9.8 a job that throws is tried again, fails, and runs after queue:retry',
    { timeout: TEST_MS },
    async () => {
      const tries = join(folder, 'storage/tries');
      await rm(tries, { force: true });
      const restore = await handleWith(`
      file_put_contents('${tries}', $event['name']."\\n", FILE_APPEND);
      throw new \\RuntimeException('The table is locked');`);
      const server = await start('throws', { REVERB_WEBHOOK_EVENTS: 'channel_occupied' });
      const worker = work('throws', '--tries=3', '--backoff=0');
      await (await openClient(server)).subscribe('orders');
      await expect.poll(failedJobs, WAIT).toContain('HandleWavehallWebhook');
      expect(await readFile(tries, 'utf8')).toBe('channel_occupied\n'.repeat(3));
      expect(await exceptionOf('HandleWavehallWebhook')).toContain('The table is locked');
      expect(await sizeOf('throws')).toBe(0);

      await worker.close();
      await restore();
      await handleWith("logger($event['channel'].' is occupied');");
      await artisan(folder, 'queue:retry', 'all');
      work('throws');
      await expect.poll(() => logOf(folder), WAIT).toContain('orders is occupied');
      expect(await failedJobs()).not.toContain('HandleWavehallWebhook');
    },
  );

  test('9.8 a job that is not deleted comes again after retry_after', { timeout: TEST_MS }, async () => {
    await handleWith("logger($event['channel'].' comes again'); exit(1);");
    const server = await start('again', { REVERB_WEBHOOK_EVENTS: 'channel_occupied' });
    await (await openClient(server)).subscribe('crash');
    await expect.poll(() => sizeOf('again'), WAIT).toBe(1);
    for (let count = 1; count <= 2; count += 1) {
      const worker = startWorker(folder, '--queue=again', '--tries=0');
      await expect
        .poll(async () => (await logOf(folder)).split('crash comes again').length - 1, WAIT)
        .toBe(count);
      await worker.close();
    }
  });

  test('9.8 a class that is not there is named in the failed job', { timeout: TEST_MS }, async () => {
    const events = { REVERB_WEBHOOK_EVENTS: 'channel_occupied' };
    const server = await start('wrong', events, '&job=App%5CJobs%5CMissing@handle');
    work('wrong');
    await (await openClient(server)).subscribe('orders');
    await expect.poll(failedJobs, WAIT).toContain('Missing');
    expect(await exceptionOf('Missing')).toMatch(/class \[?"?App\\+Jobs\\+Missing/i);
  });

  test('9.8 the printed recipe knows who is online', { timeout: TEST_MS }, async () => {
    const server = await start(
      'online',
      {
        REVERB_WEBHOOK_EVENTS: 'member_added,member_removed',
        REVERB_WEBHOOK_CHANNEL_PREFIX: 'presence-online',
      },
      '&job=App%5CJobs%5CTrackOnlineUsers@handle',
    );
    work('online');
    const online = () =>
      php(folder, "app('db')->table('users')->where('is_online', true)->orderBy('id')->pluck('id');");
    const clients: Client[] = [];
    for (const user of ['1', '2']) {
      const client = await openClient(server);
      await client.subscribe('presence-online', user);
      clients.push(client);
    }
    await expect.poll(online, WAIT).toEqual([1, 2]);
    await clients[0]?.wire.close();
    await expect.poll(online, WAIT).toEqual([2]);
  });

  test('9.8 the printed recipe ignores a job that is late', { timeout: TEST_MS }, async () => {
    const push = (name: string, timeMs: number) =>
      php(
        folder,
        `app('queue')->connection('redis')->push('App\\\\Jobs\\\\TrackOnlineUsers@handle', ['time_ms' => ${timeMs}, ` +
          `'events' => [['name' => '${name}', 'channel' => 'presence-online', 'user_id' => '3']]], 'late');`,
      );
    await push('member_removed', 2000);
    await push('member_added', 1000);
    work('late');
    await expect.poll(() => sizeOf('late'), WAIT).toBe(0);
    const row = await php(
      folder,
      "app('db')->table('users')->where('id', 3)->first(['is_online', 'online_changed_at']);",
    );
    expect(row).toEqual({ is_online: 0, online_changed_at: 2000 });
  });
}
