import type { Journal, Stores } from '../core/ports.ts';
import { openMemoryStores } from './memory/index.ts';
import { openRedisStores, type RedisOptions } from './redis/index.ts';

/** Memory for one node, Redis for many. `stateFile` keeps what is to outlive the only node. */
export function openStores(
  redis: RedisOptions | undefined,
  stateFile: string | undefined,
  journal: Journal,
): Promise<Stores> {
  return redis === undefined ? Promise.resolve(openMemoryStores(stateFile)) : openRedisStores(redis, journal);
}
