import { EventEmitter } from 'node:events';
import type { Logger } from '../../../core/ports/logger.ts';
import { connect, openCluster, openServer, openShard } from './client.ts';
import type { Keys } from '../keys.ts';
import { type Links, runIdIn } from './links.ts';
import { defineScripts, runScript } from './scripts.ts';
import { ShardedSubscriber } from './sharded-subscriber.ts';
import { PlainSubscriber } from './subscriber.ts';
import type { RedisServers } from './servers.ts';

/** Opens the connections of a node, to one server or to a Cluster; `connect` connects them. */
export function openLinks(options: RedisServers, keys: Keys, logger: Logger): Links {
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

function singleLinks(options: RedisServers): Links {
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

function clusterLinks(options: RedisServers, keys: Keys): Links {
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
