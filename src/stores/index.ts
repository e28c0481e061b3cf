import type { Journal, Stores } from '../core/ports.ts';
import { openMemoryStores } from './memory/index.ts';
import { openRedisStores, type RedisOptions } from './redis/index.ts';

/** Memory for one node, Redis for many. */
export function openStores(redis: RedisOptions | undefined, journal: Journal): Promise<Stores> {
  return redis === undefined ? Promise.resolve(openMemoryStores()) : openRedisStores(redis, journal);
}
