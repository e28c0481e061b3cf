import { statSync } from 'node:fs';
import type { Context } from '../../context.ts';
import type { LaravelApp } from '../../laravel/app.ts';
import type { Snapshot } from '../../laravel/snapshot.ts';
import { type Finding, ok, problem, skipped } from '../../report/finding.ts';

const CLEAR = 'php artisan config:cache && php artisan queue:restart';
const PHP_WORDS = {
  missing: 'PHP is not on this machine',
  failed: 'PHP cannot load it',
  timeout: 'PHP did not end in time',
  answer: '',
} as const;

/** Checks that the cached configuration has the values of .env. */
export function checkConfigCache({ laravel }: Context): Finding[] {
  if (laravel === undefined) return [skipped('config-cache', 'no Laravel app was given (--laravel)')];
  const { cacheFile, cached } = laravel;
  if (cacheFile === undefined) return [ok('config-cache', 'the configuration is not cached')];
  if (cached === undefined) return unreadable(laravel, cacheFile);
  const names = differences(cached, laravel.fresh);
  if (names.length === 0) return [ok('config-cache', `${cacheFile} has the values of .env`)];
  return [
    problem(
      'config-cache-stale',
      `${cacheFile} has other values than ${laravel.env.file} for ${names.join(', ')}`,
      { run: CLEAR },
    ),
  ];
}

function unreadable({ php, env }: LaravelApp, cacheFile: string): Finding[] {
  const why = PHP_WORDS[php] || 'it cannot be loaded';
  if (statSync(cacheFile).mtimeMs < statSync(env.file).mtimeMs)
    return [
      problem('config-cache-older', `${cacheFile} is older than ${env.file}, and cannot be read: ${why}`, {
        run: CLEAR,
      }),
    ];
  return php === 'missing'
    ? [skipped('config-cache', `${cacheFile} is newer than .env, and was not read: ${why}`)]
    : [problem('config-cache-unreadable', `${cacheFile}: ${why}`, { run: CLEAR })];
}

/** Names of the settings that differ; values may be secret. */
function differences(cached: Snapshot, fresh: Snapshot): string[] {
  const [one, other] = [cached.broadcast, fresh.broadcast];
  const names = (Object.keys(one) as (keyof typeof one)[]).filter((name) => one[name] !== other[name]);
  const isSameQueue = cached.queue?.connection === fresh.queue?.connection;
  return [
    ...names.map((name) => (name === 'connection' ? 'broadcasting.default' : `broadcasting ${name}`)),
    ...(isSameQueue ? [] : ['queue.default']),
  ];
}

/** Checks that the files of config/ can be read. */
export function checkLaravelConfig({ laravel }: Context): Finding[] {
  if (laravel === undefined) return [skipped('laravel-config', 'no Laravel app was given (--laravel)')];
  const { php, failed, used } = laravel;
  if (php === 'missing')
    return [
      skipped(
        'laravel-config',
        "config/*.php was not read, because PHP is not on this machine: Laravel's usual files are assumed",
      ),
    ];
  const files = failed.filter((name) => name !== 'cache');
  if (php !== 'answer') return [problem('laravel-config-unreadable', `config/*.php: ${PHP_WORDS[php]}`)];
  if (files.includes('config/broadcasting.php'))
    return [
      problem(
        'laravel-config-unreadable',
        'config/broadcasting.php throws an exception when it is read alone',
      ),
    ];
  return [ok('laravel-config', `broadcasting.default is "${used.broadcast.connection}"`)];
}
