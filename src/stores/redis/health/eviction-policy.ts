import type { Redis } from 'ioredis';
import type { Logger } from '../../../core/ports/logger.ts';

const ADVICE = 'set maxmemory-policy noeviction, or give Wavehall a Redis of its own';

/** Warns of what an eviction policy may lose, and names the setting; silent for `noeviction`. */
export function warnOfPolicy(policy: string | undefined, server: string, logger: Logger): void {
  if (policy === 'noeviction') return;
  if (policy === undefined)
    logger.warn(`Redis does not report its maxmemory-policy, so it may evict keys: ${ADVICE}`, { server });
  else if (policy.startsWith('volatile-'))
    logger.warn(
      `When Redis is full it evicts keys that expire: a node that reconnects may miss events, and cache channels may lose their last event. Rosters, counts and sign-ins do not expire: ${ADVICE}`,
      { server, policy },
    );
  else
    logger.warn(
      `When Redis is full it evicts any key: rosters, counts and quotas may be wrong for some seconds until the nodes write them again, a node that reconnects may miss events, and cache channels may lose their last event: ${ADVICE}`,
      { server, policy },
    );
}

export const serverNameOf = ({ options: { host, port, path } }: Redis): string => path ?? `${host}:${port}`;

/** Reads a field of an INFO answer. */
export const infoField = (info: string, name: string): string | undefined =>
  new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];

/** Reads maxmemory-policy; `undefined` when Redis does not report it. */
export const policyIn = (info: string): string | undefined => infoField(info, 'maxmemory_policy');

/** Reads the number of keys that the server has evicted since its start. */
export const evictedIn = (info: string): number => Number(infoField(info, 'evicted_keys') ?? 0);
