import type { RedisInspection } from '../../../../stores/redis/health/inspect.ts';
import type { Context } from '../../context.ts';
import { type Finding, ok, problem, skipped } from '../../report/finding.ts';
import type { ProblemName } from '../../report/problems.ts';

const NAMES: Readonly<Record<NonNullable<RedisInspection['problem']>['kind'], ProblemName>> = {
  unreachable: 'redis-unreachable',
  login: 'redis-login-refused',
  permission: 'redis-no-permission',
  setting: 'redis-setting-wrong',
  state: 'redis-not-writable',
  version: 'redis-too-old',
};

/** Makes the checks of Redis that a node makes at its start. The code for Redis is loaded only where it is used. */
export async function checkRedisOfServer({ server, options, serverEnv }: Context): Promise<Finding[]> {
  const redis = server.config?.redis;
  if (redis === undefined)
    return [skipped('redis', 'the server runs without Redis (REVERB_SCALING_ENABLED)')];
  const { inspectRedis } = await import('../../../../stores/redis/health/inspect.ts');
  const { problem: found, warnings } = await inspectRedis(redis, options.timeoutMs);
  if (found !== undefined) return [problem(NAMES[found.kind], found.sentence, { file: serverEnv?.file })];
  if (warnings.length > 0)
    return warnings.map((warning) =>
      problem('redis-evicts-keys', warning, { line: 'maxmemory-policy noeviction  # redis.conf' }),
    );
  return [ok('redis', 'version, rights and eviction policy')];
}
