import type { Logger } from '../../../core/ports/logger.ts';
import { serverNameOf, policyIn, warnOfPolicy, infoField } from './eviction-policy.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { runScript } from '../link/scripts.ts';
import type { RedisOptions } from '../options.ts';

const OLDEST_VERSION = [6, 2] as const;
/** First version with sharded pub/sub. */
const OLDEST_CLUSTER = [7, 0] as const;
const SCRATCH_KEYS = ['h', 's', 'z', 'l', 'n'];
const OUTBOX_SCRATCH_KEYS = [...SCRATCH_KEYS, 'x'];

/** `webhooks`: `undefined` when there is no outbox. */
type Uses = Pick<RedisOptions, 'webhooks'>;

/**
 * Checks version and permissions of Redis at the start, and warns of its eviction policy. Rejects with a sentence that names
 * what has to be changed.
 *
 * A user needs no more than this (`wavehall:` is WAVEHALL_REDIS_PREFIX):
 *
 *     user wavehall on >secret resetkeys ~wavehall:* resetchannels &wavehall:* -@all
 *       +info +ping +select +subscribe +unsubscribe +publish +eval +evalsha +time
 *       +hset +hget +hgetall +hexists +hkeys +hincrby +hlen +hmget +hvals +hdel +sadd +scard +sismember +smembers
 *       +srandmember +srem +zadd +zcard +zpopmin +zscore +zrangebyscore +zremrangebyscore +zrem +rpush +lpop +lrange +lindex +llen +pexpire +pttl +set +incr +get +del +exists
 *
 * with webhooks also: +xgroup +xadd +xlen +xrange +xrevrange +xinfo +xreadgroup +xautoclaim +xpending +xack +xdel +xtrim;
 *
 * and on a Cluster, in place of subscribe, unsubscribe, publish: +ssubscribe +sunsubscribe +spublish +cluster|slots
 * +cluster|info +client|setname +readonly +readwrite +asking.
 */
export async function checkRedis(links: Links, keys: Keys, logger: Logger, uses: Uses = {}): Promise<void> {
  const oldest = links.publishCommand === 'SPUBLISH' ? OLDEST_CLUSTER : OLDEST_VERSION;
  for (const server of links.servers()) {
    const info = await server.info();
    checkVersion(infoField(info, 'redis_version'), oldest);
    warnOfPolicy(policyIn(info), serverNameOf(server), logger);
  }
  await checkPermissions(links, keys, uses);
}

function checkVersion(version: string | undefined, [major, minor]: readonly [number, number]): void {
  const [ours = 0, ourMinor = 0] = (version ?? '').split('.').map(Number);
  if (ours > major || (ours === major && ourMinor >= minor)) return;
  throw new PreflightError(
    `Redis ${version ?? 'of an unknown version'} is too old: ${major}.${minor} or newer is needed`,
  );
}

/** Rejects with `PreflightError`, naming the commands that the Redis user may not run. */
export async function checkPermissions(links: Links, keys: Keys, { webhooks }: Uses = {}): Promise<void> {
  const base = keys.pubsubPrefix(0);
  const refused = (await runScript(
    links.commands,
    'check-permissions',
    (webhooks === undefined ? SCRATCH_KEYS : OUTBOX_SCRATCH_KEYS).map((kind) => `${base}check:${kind}`),
    [links.publishCommand, `${base}check`],
  )) as string[];
  if (refused.length > 0)
    throw new PreflightError(`the Redis user may not run ${refused.join(', ')}: allow it (ACL)`);
  await links.subscriber.unsubscribe(`${base}check`);
}

/** Reason, in one sentence for the operator, why the node cannot start. */
export class PreflightError extends Error {
  override readonly name = 'PreflightError';
}
