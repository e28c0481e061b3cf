import { hostname } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { packageVersion } from '../../config/version.ts';
import type { Connection } from '../../core/client/connection.ts';
import { channelMapKey } from '../../core/util/channel-map-key.ts';

/** Figures of one process. */
export interface ProcessDetails {
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly connections: number;
  /** Different users who are signed in, or members of a presence channel, on a connection of this process. */
  readonly users: number;
  readonly memory: MemoryDetails;
}

interface MemoryDetails {
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  readonly heapLimitBytes: number;
}

export function ownDetails(hub: {
  readonly size: number;
  connections(): Iterable<Connection>;
}): ProcessDetails {
  const { rss, heapUsed } = process.memoryUsage();
  return {
    pid: process.pid,
    uptimeSeconds: Math.floor(process.uptime()),
    connections: hub.size,
    users: countUsers(hub.connections()),
    memory: {
      rssBytes: rss,
      heapUsedBytes: heapUsed,
      heapLimitBytes: getHeapStatistics().heap_size_limit,
    },
  };
}

/** Counts each user of an app once, however many connections and channels the user has. */
function countUsers(connections: Iterable<Connection>): number {
  const users = new Set<string>();
  for (const { app, user, subscriptions } of connections) {
    if (user !== undefined) users.add(channelMapKey({ app: app.id, channel: user.id }));
    for (const { member } of subscriptions)
      if (member !== undefined) users.add(channelMapKey({ app: app.id, channel: member.id }));
  }
  return users.size;
}

/**
 * Merges the figures of all processes: sums, and the longest uptime. A user with connections to two workers counts in both.
 * `wanted`: the number of workers that are configured.
 */
export function mergeDetails(processes: readonly ProcessDetails[], wanted: number) {
  const sum = (of: (each: ProcessDetails) => number): number =>
    processes.reduce((total, each) => total + of(each), 0);
  return {
    version: packageVersion(),
    nodeVersion: process.versions.node,
    host: hostname(),
    uptimeSeconds: Math.max(0, ...processes.map(({ uptimeSeconds }) => uptimeSeconds)),
    connections: sum(({ connections }) => connections),
    users: sum(({ users }) => users),
    memory: {
      rssBytes: sum(({ memory }) => memory.rssBytes),
      heapUsedBytes: sum(({ memory }) => memory.heapUsedBytes),
      heapLimitBytes: sum(({ memory }) => memory.heapLimitBytes),
    },
    workers: { wanted, answering: processes.length },
    processes,
  };
}
