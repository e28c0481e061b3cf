import type { StatusSection } from '../../core/ports/status.ts';
import type { Keys } from './keys.ts';
import type { Links } from './link/links.ts';
import type { RedisCounts } from './metrics.ts';
import { describeServers } from './link/servers.ts';
import type { RedisOptions } from './options.ts';

/** Nodes that are listed; a cluster has a few. */
const MOST_NODES = 1000;

/** A node of the cluster with a lease in Redis. */
export interface NodeLease {
  readonly node: string;
  /** Unix time in milliseconds of Redis' clock. */
  readonly endsAtMs: number;
}

interface RedisStatusDeps {
  readonly options: RedisOptions;
  readonly isReady: () => boolean;
  readonly counts: () => RedisCounts;
  readonly nodes: { readonly ownId: () => string; readonly leases: () => Promise<readonly NodeLease[]> };
}

/** Redis as this node sees it, with the nodes that have a lease there: it asks no other node. */
export const redisStatus = ({ options, isReady, counts, nodes }: RedisStatusDeps): StatusSection => ({
  name: 'redis',
  async read() {
    const own = {
      ready: isReady(),
      servers: describeServers(options),
      prefix: options.keyPrefix,
      node: nodes.ownId(),
      ...counts(),
    };
    const begunMs = performance.now();
    try {
      const leases = await nodes.leases();
      return { ...own, roundTripMs: Math.round((performance.now() - begunMs) * 100) / 100, nodes: leases };
    } catch {
      return { ...own, roundTripMs: null, nodes: [] };
    }
  },
});

/** Reads the leases of the first partition: a node has one in each. Rejects when Redis does not answer. */
export async function readLeases({ commands }: Links, keys: Keys): Promise<NodeLease[]> {
  const pairs = await commands.zrange(keys.nodes(0), '0', `${MOST_NODES - 1}`, 'WITHSCORES');
  return Array.from({ length: pairs.length / 2 }, (_, at) => ({
    node: pairs[2 * at] ?? '',
    endsAtMs: Number(pairs[2 * at + 1]),
  }));
}
