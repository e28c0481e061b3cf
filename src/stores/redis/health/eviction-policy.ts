import type { Redis } from 'ioredis';
import type { Logger } from '../../../core/ports/logger.ts';

const ADVICE = 'set maxmemory-policy noeviction, or give Wavehall a Redis of its own';

/** What may be lost with it, and what to set; nothing where Redis forgets nothing. */
export function sayPolicy(policy: string | undefined, server: string, logger: Logger): void {
  if (policy === 'noeviction') return;
  if (policy === undefined) logger.warn(`Redis does not tell its maxmemory-policy: ${ADVICE}`, { server });
  else if (policy.startsWith('volatile-'))
    logger.warn(
      `When Redis is full it evicts keys that expire: a node that loses its link then may miss events, and cache channels their last one. Rosters, counts and sign-ins do not expire: ${ADVICE}`,
      { server, policy },
    );
  else
    logger.warn(
      `When Redis is full it evicts any key: rosters, counts and quotas may be wrong for some seconds until the nodes have said them again, a node that loses its link may miss events, and cache channels may lose their last one: ${ADVICE}`,
      { server, policy },
    );
}

export const nameOf = ({ options: { host, port, path } }: Redis): string => path ?? `${host}:${port}`;

/** A field of what INFO says. */
export const valueIn = (info: string, name: string): string | undefined =>
  new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];

/** `undefined`: it does not tell. */
export const policyIn = (info: string): string | undefined => valueIn(info, 'maxmemory_policy');

/** Keys that were removed to make room since the server started. */
export const evictedIn = (info: string): number => Number(valueIn(info, 'evicted_keys') ?? 0);
