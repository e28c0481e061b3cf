import type { RedisOptions } from '../redis/options.ts';

/** Place of one value of Laravel's cache: files, or keys of a Redis. */
export type LaravelCacheOptions =
  | { readonly kind: 'files'; readonly folder: string; readonly key: string }
  | {
      readonly kind: 'redis';
      readonly redis: RedisOptions;
      /** Names that the key may have: it depends on the version of Laravel. */
      readonly keys: readonly string[];
    };

/** Reads one value of Laravel's cache. */
export interface CachedValue {
  /** The value as it is stored; `undefined`: there is none. Rejects when the cache cannot be read. */
  read(): Promise<string | undefined>;
  close(): void;
}
