import type { CachedValue, LaravelCacheOptions } from './options.ts';

/** Opens a value of Laravel's cache, without connecting yet. The code for Redis is loaded only where it is used. */
export async function openLaravelCache(options: LaravelCacheOptions): Promise<CachedValue> {
  if (options.kind === 'files') {
    const { fileValue } = await import('./files.ts');
    return fileValue(options.folder, options.key);
  }
  const { redisValue } = await import('./redis.ts');
  return redisValue(options.redis, options.keys);
}
