import type { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import type { RedisClient } from './scripts.ts';
import type { Subscriber } from './subscriber.ts';

interface LinkEvents {
  up: [];
  down: [];
  /** An error that an operator may be able to fix. */
  problem: [error: Error];
}

/** Connections of a node to Redis: one for commands, one for subscriptions. Neither queues anything. */
export interface Links {
  readonly commands: RedisClient;
  readonly subscriber: Subscriber;
  /** True while commands can be sent. */
  readonly isUp: boolean;
  /** Events of the connection for commands. */
  readonly events: EventEmitter<LinkEvents>;
  /** `PUBLISH`, or its sharded form on a Cluster. */
  readonly publishCommand: 'PUBLISH' | 'SPUBLISH';
  /** Rejects with the first error. */
  connect(): Promise<void>;
  publish(channel: string, text: string): Promise<unknown>;
  /** Returns the run id of the server process that has this key: another process may lack acknowledged writes. */
  runIdOf(key: string): Promise<string>;
  /** Every server that takes writes. */
  servers(): readonly Redis[];
  close(): void;
}

/** Reads the run id in an INFO answer. */
export const runIdIn = (info: string): string => /^run_id:(\w+)/m.exec(info)?.[1] ?? 'unknown';
