/** `php artisan reverb:restart` reaches Wavehall through Laravel's cache (WAVEHALL_RESTART_ON_REVERB). */
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { sleep } from '../../src/core/util/time.ts';
import { ReverbRestart } from '../../src/cli/reverb-restart.ts';
import { readConfig } from '../../src/config/index.ts';
import { assemble } from '../laravel/app-folder.ts';
import { laravel8 } from '../laravel/packages.ts';
import { missingRequirements } from '../laravel/requirements.ts';
import { childrenOf } from '../support/processes.ts';
import { redisCli, startRedis, type TestRedis } from '../support/redis.ts';
import { eventually } from '../support/wire.ts';
import { run, temporaryFolder } from './command.ts';
import { LONG_MS, openClient, operated, startOperated } from './operated-server.ts';

const SETTING = 'WAVEHALL_RESTART_ON_REVERB';
const SETUP_MS = 300_000;
vi.setConfig({ testTimeout: 4 * LONG_MS });

const missing = missingRequirements();
const phpTest = test.skipIf(missing !== undefined && process.env.CI === undefined);

let redis: TestRedis;
let laravel = '';
beforeAll(async () => {
  redis = await startRedis();
  if (missing === undefined) laravel = await assemble(laravel8);
}, SETUP_MS);
afterAll(async () => {
  await redis.close();
  if (laravel !== '') await rm(laravel, { recursive: true, force: true });
});

/** Does what `php artisan reverb:restart` does, in the Laravel app. */
async function reverbRestart(store: 'file' | 'redis'): Promise<void> {
  const script = new URL('../laravel/reverb-restart.php', import.meta.url).pathname;
  const env = {
    PATH: process.env.PATH,
    APP_NAME: 'My "App"',
    APP_KEY: `base64:${'A'.repeat(43)}=`,
    REDIS_PORT: `${redis.port}`,
  };
  await promisify(execFile)('php', [script, laravel, store], { env });
}

describe('php artisan reverb:restart', () => {
  phpTest('2.13 with a cache in files: a single process is replaced by a new one', async () => {
    // A mark of an earlier restart is not one for this process.
    await reverbRestart('file');
    const server = await startOperated({ ...operated(), [SETTING]: laravel });
    const client = await openClient(server);
    // The mark is a time in seconds.
    while (client.ended === undefined) await reverbRestart('file');
    expect((await client.closing(LONG_MS)).code).toBe(4200);
    await eventually(
      () => server.output().includes('The process is replaced"'),
      () => `the log: ${server.output()}`,
      LONG_MS,
    );
    expect(server.output()).toContain('"by":"php artisan reverb:restart"');
    await openClient(server);
  });

  phpTest('2.13 with a cache in Redis: the workers are replaced one by one', async () => {
    const server = await startOperated({ ...operated(redis), APP_NAME: 'My "App"', [SETTING]: 'redis' }, [
      '--workers=2',
    ]);
    const before = childrenOf(server.pid);
    await reverbRestart('redis');
    await eventually(
      () => server.output().includes('All workers are replaced'),
      () => `the log: ${server.output()}`,
      LONG_MS,
    );
    expect(server.output()).toContain('"by":"php artisan reverb:restart"');
    const after = childrenOf(server.pid);
    expect([after.length, after.filter((pid) => before.includes(pid))]).toEqual([2, []]);
  });
});

describe('the mark', () => {
  const watch = (marks: (string | undefined | Error)[]) => {
    const log: string[] = [];
    const restart = vi.fn(() => true);
    const mark = {
      read: async () => {
        const next = marks.shift();
        if (next instanceof Error) throw next;
        return Promise.resolve(next);
      },
      close: () => undefined,
    };
    const watched = new ReverbRestart(mark, { warn: (line) => void log.push(line) }, restart);
    return { log, restart, look: () => watched.look() };
  };

  test('2.13 restarts once for each new mark, not for the one at the start, and not for a cleared cache', async () => {
    const { look, restart } = watch(['1', '1', '2', '2', undefined, '2', '3']);
    const counts: number[] = [];
    for (let looks = 0; looks < 7; looks += 1) {
      await look();
      counts.push(restart.mock.calls.length);
    }
    expect(counts).toEqual([0, 0, 1, 1, 1, 1, 2]);
  });

  test('2.13 restarts for the first mark of a cache that had none', async () => {
    const { look, restart } = watch([undefined, '1']);
    await look();
    await look();
    expect(restart).toHaveBeenCalledTimes(1);
  });

  test('2.13 is tried again while a restart is running', async () => {
    const { look, restart } = watch(['1', '2', '2', '2']);
    restart.mockReturnValueOnce(false);
    for (let looks = 0; looks < 4; looks += 1) await look();
    expect(restart).toHaveBeenCalledTimes(2);
  });

  test('2.13 a cache that cannot be read is logged once, until it can; it is no reason to restart', async () => {
    const away = new Error('away');
    const { look, restart, log } = watch([away, away, '1', away, '1']);
    for (let looks = 0; looks < 5; looks += 1) await look();
    expect(restart).not.toHaveBeenCalled();
    expect(log).toHaveLength(2);
  });

  test('8.11 Redis may be away at the start and later: the server serves, and reads the mark when it is back', async () => {
    const own = await startRedis();
    onTestFinished(() => own.close());
    await own.kill();
    const server = await startOperated({
      ...operated(),
      REDIS_PORT: `${own.port}`,
      REDIS_PREFIX: 'p:',
      CACHE_PREFIX: 'c:',
      [SETTING]: 'redis',
    });
    expect(server.output()).toMatch(/"reason":"Redis cannot be reached.*Laravel's cache cannot be read/);
    await own.restart();
    const set = (mark: string) =>
      redisCli(['-p', `${own.port}`, '-n', '1', 'set', 'p:c:laravel:reverb:restart', mark]);
    let marks = 0;
    while (!server.output().includes('The process is replaced"')) {
      await set(`${(marks += 1)}`);
      await sleep(1000);
    }
    expect(marks).toBeGreaterThan(0);
  });
});

describe(SETTING, () => {
  const keysFor = (variables: Record<string, string>) => {
    const mark = readConfig({ [SETTING]: 'redis', ...variables }).restartMark;
    return mark?.kind === 'redis' ? mark.keys : [];
  };

  test('2.1 redis looks under the names of every version of Laravel', () => {
    const keys = keysFor({ APP_NAME: '"My  App_1"' });
    for (const name of [
      'my_app_1_database_my_app_1_cache:laravel:reverb:restart',
      'my_app_1_database_my_app_1_cache_:laravel:reverb:restart',
      'my_app_1_database_my_app_1_cache_laravel:reverb:restart',
      'my-app-1-database-my-app-1-cache-laravel:reverb:restart',
    ])
      expect(keys).toContain(name);
    expect(keys.length).toBeLessThanOrEqual(12);
  });

  test('2.1 redis takes the prefixes and the database of the environment', () => {
    expect(keysFor({ REDIS_PREFIX: 'r_', CACHE_PREFIX: 'c_' })).toEqual([
      'r_c_laravel:reverb:restart',
      'r_c_:laravel:reverb:restart',
    ]);
    expect(keysFor({ REDIS_PREFIX: '', CACHE_PREFIX: 'c' })).toContain('claravel:reverb:restart');
    const redisOf = (variables: Record<string, string>) => {
      const mark = readConfig({ [SETTING]: 'redis', ...variables }).restartMark;
      return mark?.kind === 'redis' ? mark.redis : undefined;
    };
    expect(redisOf({ REDIS_HOST: 'cache.test' })).toMatchObject({ host: 'cache.test', database: 1 });
    expect(redisOf({ REDIS_CACHE_DB: '5', REDIS_DB: '2' })).toMatchObject({ database: 5 });
    expect(redisOf({ REDIS_CACHE_CONNECTION: 'default', REDIS_DB: '2' })).toMatchObject({ database: 2 });
    expect(redisOf({ REDIS_URL: 'redis://cache.test:1/7' })).toMatchObject({ port: 1, database: 7 });
  });

  test('2.1 is off by default; a folder is that of a Laravel app', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'storage/framework/cache'), { recursive: true });
    expect(readConfig({}).restartMark).toBeUndefined();
    expect(readConfig({ [SETTING]: 'off' }).restartMark).toBeUndefined();
    expect(readConfig({ [SETTING]: folder }).restartMark).toEqual({
      kind: 'files',
      folder: join(folder, 'storage/framework/cache/data'),
      key: 'laravel:reverb:restart',
    });
  });

  test.each([
    ['true', 'expected off, redis, or the folder'],
    ['database', 'expected off, redis, or the folder'],
    ['/no/such/app', 'expected the folder of a Laravel app, which has storage/framework/cache'],
  ])('2.1 %j is refused', async (given, expected) => {
    const { code, stderr } = await run(['start'], { [SETTING]: given });
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`wavehall: ${SETTING}="${given}": ${expected}`),
    ]);
  });

  test('2.1 redis refuses a database that is no number', async () => {
    const { code, stderr } = await run(['start'], { [SETTING]: 'redis', REDIS_CACHE_DB: 'one' });
    expect([code, stderr]).toEqual([1, 'wavehall: REDIS_CACHE_DB="one": expected a whole number from 0\n']);
  });
});
