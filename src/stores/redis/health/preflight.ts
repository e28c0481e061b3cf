import type { Logger } from '../../../core/ports/logger.ts';
import { nameOf, policyIn, sayPolicy, valueIn } from './eviction-policy.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { run } from '../link/scripts.ts';

const OLDEST = [6, 2] as const;
/** The first that has sharded pub/sub. */
const OLDEST_CLUSTER = [7, 0] as const;
const SCRATCH = ['h', 's', 'z', 'l', 'n'];

/**
 * Redis as it has to be: of an age, open to this user; and a word where it may forget what it is told. Rejects with a
 * sentence that names what is to be changed.
 *
 * A user needs no more than this (`wavehall:` is WAVEHALL_REDIS_PREFIX):
 *
 *     user wavehall on >secret resetkeys ~wavehall:* resetchannels &wavehall:* -@all
 *       +info +ping +select +subscribe +unsubscribe +publish +eval +evalsha +time
 *       +hset +hget +hgetall +hexists +hkeys +hincrby +hlen +hmget +hvals +hdel +sadd +scard +sismember +smembers
 *       +srandmember +srem +zadd +zcard +zpopmin +zscore +zrangebyscore +zremrangebyscore +zrem +rpush +lpop +lrange +lindex +llen +pexpire +pttl +set +incr +get +del +exists
 *
 * and on a Cluster, in place of subscribe, unsubscribe, publish: +ssubscribe +sunsubscribe +spublish +cluster|slots
 * +cluster|info +client|setname +readonly +readwrite +asking.
 */
export async function checkRedis(links: Links, keys: Keys, logger: Logger): Promise<void> {
  const oldest = links.publishCommand === 'SPUBLISH' ? OLDEST_CLUSTER : OLDEST;
  for (const server of links.servers()) {
    const info = await server.info();
    checkVersion(valueIn(info, 'redis_version'), oldest);
    sayPolicy(policyIn(info), nameOf(server), logger);
  }
  await checkPermissions(links, keys);
}

function checkVersion(version: string | undefined, [major, minor]: readonly [number, number]): void {
  const [ours = 0, ourMinor = 0] = (version ?? '').split('.').map(Number);
  if (ours > major || (ours === major && ourMinor >= minor)) return;
  throw new PreflightError(
    `Redis ${version ?? 'of an unknown version'} is too old: ${major}.${minor} or newer is needed`,
  );
}

/** Rejects with `Unfit`, naming the commands that this user may not run. */
export async function checkPermissions(links: Links, keys: Keys): Promise<void> {
  const base = keys.bus(0);
  const refused = (await run(
    links.commands,
    'permissions',
    SCRATCH.map((kind) => `${base}check:${kind}`),
    [links.publishCommand, `${base}check`],
  )) as string[];
  if (refused.length > 0)
    throw new PreflightError(`the Redis user may not run ${refused.join(', ')}: allow it (ACL)`);
  await links.subscriber.unsubscribe(`${base}check`);
}

/** A sentence for the operator: there is no point in starting. */
export class PreflightError extends Error {
  override readonly name = 'Unfit';
}
