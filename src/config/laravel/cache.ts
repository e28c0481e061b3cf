import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  environmentSource,
  integer,
  readSettings,
  setting,
  type SettingType,
  textIn,
  type Variables,
} from '../../settings/settings.ts';
import type { LaravelCacheOptions } from '../../stores/laravel-cache/options.ts';
import { REDIS_SETTINGS, redisOptions, redisSource } from '../redis.ts';
import { slug } from './slug.ts';

/** The key that `php artisan reverb:restart` writes. */
const RESTART_KEY = 'laravel:reverb:restart';
const CACHE_FOLDER = 'storage/framework/cache';
const DEFAULT_CACHE_DATABASE = 1;

type CachePlace =
  { readonly kind: 'off' } | { readonly kind: 'redis' } | { readonly kind: 'files'; readonly folder: string };

const place: SettingType<CachePlace> = {
  expected: 'off, redis, or the folder of the Laravel app whose cache is in files, such as /var/www/app',
  parse(given) {
    const word = given.toLowerCase();
    if (word === 'off' || word === 'false') return { kind: 'off' };
    if (word === 'redis') return { kind: 'redis' };
    return /[/\\]|^\.+$/.test(given) ? { kind: 'files', folder: given } : undefined;
  },
};

export const RESTART_SETTINGS = {
  restartOnReverb: setting(
    'WAVEHALL_RESTART_ON_REVERB',
    place,
    'off',
    "Restart when artisan's command reverb:restart is called: off, redis (Laravel's cache is in Redis), or the folder of the Laravel app (its cache is in files).",
  ),
} as const;

/** Where `php artisan reverb:restart` leaves its mark; `undefined` when it is not looked at. Problems are added to `problems`. */
export function restartMark(
  { restartOnReverb: given }: { readonly restartOnReverb: CachePlace },
  variables: Variables,
  problems: string[],
): LaravelCacheOptions | undefined {
  if (given.kind === 'off') return undefined;
  if (given.kind === 'redis') return inRedis(variables, problems);
  const folder = join(given.folder, CACHE_FOLDER);
  if (!existsSync(folder))
    problems.push(
      `${RESTART_SETTINGS.restartOnReverb.name}=${JSON.stringify(given.folder)}: expected the folder of a Laravel app, which has ${CACHE_FOLDER}`,
    );
  return { kind: 'files', folder: join(folder, 'data'), key: RESTART_KEY };
}

/** Redis as Laravel's connection for its cache reads it. */
function inRedis(variables: Variables, problems: string[]): LaravelCacheOptions | undefined {
  const withRedis = { ...variables, [REDIS_SETTINGS.scaling.name]: 'true' };
  const values = readSettings(
    REDIS_SETTINGS,
    redisSource(environmentSource(withRedis), withRedis),
    // With scaling on, the same problems are reported there.
    [],
  );
  const found: string[] = [];
  const redis = redisOptions({ ...values, redisDatabase: databaseOf(values, variables, found) }, found);
  problems.push(...found.filter((problem) => !problems.includes(problem)));
  return redis && { kind: 'redis', redis, keys: keysIn(variables) };
}

function databaseOf(
  { redisDatabase, redisCluster }: { redisDatabase: number; redisCluster: readonly unknown[] },
  variables: Variables,
  problems: string[],
): number {
  if (redisCluster.length > 0) return 0;
  if (textIn(variables, 'REDIS_CACHE_CONNECTION')?.trim() === 'default') return redisDatabase;
  const text = textIn(variables, 'REDIS_CACHE_DB')?.trim();
  const database = text === undefined ? DEFAULT_CACHE_DATABASE : integer(0).parse(text);
  if (database === undefined)
    problems.push(`REDIS_CACHE_DB=${JSON.stringify(text)}: expected a whole number from 0`);
  return database ?? DEFAULT_CACHE_DATABASE;
}

/**
 * All names of the key in Redis. Laravel puts the prefix of the connection (REDIS_PREFIX) and that of the cache (CACHE_PREFIX)
 * before it; up to version 10 a colon follows, and the defaults differ: `_cache` in version 8, `_cache_`, then `-cache-`.
 */
function keysIn(variables: Variables): string[] {
  const app = textIn(variables, 'APP_NAME') ?? 'laravel';
  const [underscored, hyphened] = [slug(app, '_'), slug(app, '-')];
  const connections = prefixesIn(variables, 'REDIS_PREFIX', [
    `${underscored}_database_`,
    `${hyphened}-database-`,
  ]);
  const caches = prefixesIn(variables, 'CACHE_PREFIX', [
    `${underscored}_cache`,
    `${underscored}_cache_`,
    `${hyphened}-cache-`,
  ]);
  const names = connections.flatMap((connection) =>
    caches.flatMap((cache) => [`${connection}${cache}`, `${connection}${cache}:`]),
  );
  return [...new Set(names)].map((prefix) => prefix + RESTART_KEY);
}

/** The prefix of a variable, or the defaults of Laravel's versions; an empty variable is an empty prefix. */
function prefixesIn(variables: Variables, name: string, defaults: readonly string[]): readonly string[] {
  const given = textIn(variables, name);
  if (given !== undefined) return [given];
  return variables[name] === undefined ? defaults : ['', ...defaults];
}
