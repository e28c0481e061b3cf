import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import type { Logger } from '../../../core/ports/logger.ts';
import { connect, openCluster, openServer, openShard } from './client.ts';
import type { Keys } from '../keys.ts';
import type { RedisOptions } from '../options.ts';
import { type RedisClient, defineScripts, runScript } from './scripts.ts';
import { ShardedSubscriber } from './sharded-subscriber.ts';
import { PlainSubscriber, type Subscriber } from './subscriber.ts';

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

export function openLinks(options: RedisOptions, keys: Keys, logger: Logger): Links {
  const links = options.cluster === undefined ? singleLinks(options) : clusterLinks(options, keys);
  const { commands, subscriber, events } = links;
  defineScripts(commands);
  commands.on('ready', () => events.emit('up'));
  commands.on('close', () => events.emit('down'));
  // Without a listener an error would end the process. Outages are logged once, by `Supervisor`.
  commands.on('error', (error: Error) => events.emit('problem', error));
  for (const [role, emitter] of [
    ['commands', events],
    ['subscriber', subscriber.events],
  ] as const) {
    emitter.on('problem', (error: Error) => logger.debug('Disconnected from Redis', role, error.message));
  }
  return links;
}

function singleLinks(options: RedisOptions): Links {
  const commands = openServer(options);
  const subscriber = new PlainSubscriber(openServer(options));
  return {
    commands,
    subscriber,
    get isUp() {
      return commands.status === 'ready';
    },
    events: new EventEmitter(),
    publishCommand: 'PUBLISH',
    async connect() {
      await Promise.all([connect(commands), subscriber.connect()]);
    },
    publish: (channel, text) => commands.publish(channel, text),
    runIdOf: async (key) => runIdIn((await runScript(commands, 'server-info', [key], [])) as string),
    servers: () => [commands],
    close() {
      commands.disconnect();
      subscriber.close();
    },
  };
}

function clusterLinks(options: RedisOptions, keys: Keys): Links {
  const commands = openCluster(options, options.cluster ?? []);
  const keyOfEachPartition = Array.from({ length: keys.partitions }, (_, partition) => keys.nodes(partition));
  const subscriber = new ShardedSubscriber(commands, keyOfEachPartition, (address) =>
    openShard(options, address),
  );
  return {
    commands,
    subscriber,
    get isUp() {
      return commands.status === 'ready';
    },
    events: new EventEmitter(),
    publishCommand: 'SPUBLISH',
    async connect() {
      await connect(commands);
      await subscriber.connect();
    },
    publish: (channel, text) => commands.spublish(channel, text),
    runIdOf: async (key) => runIdIn((await runScript(commands, 'server-info', [key], [])) as string),
    servers: () => commands.nodes('master'),
    close() {
      subscriber.close();
      commands.disconnect();
    },
  };
}

/** Reads the run id in an INFO answer. */
export const runIdIn = (info: string): string => /^run_id:(\w+)/m.exec(info)?.[1] ?? 'unknown';
