import { isJsonObject, type JsonObject } from '#protocol';
import { laravelText, textIn, type Variables } from '../../../settings/settings.ts';

/** Where Laravel publishes, with which credentials. An empty text: there is no value. */
export interface BroadcastSettings {
  readonly connection: string;
  readonly driver: string | undefined;
  readonly appId: string;
  readonly key: string;
  readonly secret: string;
  readonly host: string;
  readonly port: string;
  readonly scheme: string;
  readonly path: string;
}

export interface QueueSettings {
  readonly connection: string;
  readonly driver: string | undefined;
  readonly queue: string;
  readonly options: JsonObject;
  /** The connection of Redis or of the database that the queue uses. */
  readonly store: JsonObject | undefined;
  /** Prefix of all keys of Laravel in Redis. */
  readonly redisPrefix: string;
}

/** The configuration of Laravel, as far as broadcasting needs it. */
export interface Snapshot {
  readonly broadcast: BroadcastSettings;
  readonly queue: QueueSettings | undefined;
  /** The first server and the apps of config/reverb.php. */
  readonly reverb: JsonObject | undefined;
}

/** Files of config/ that a snapshot is made of. */
export const CONFIG_NAMES = ['broadcasting', 'queue', 'database', 'reverb'] as const;

/** Reads a snapshot from the arrays of config/, as JSON. `undefined` without config/broadcasting.php. */
export function snapshotOf(config: unknown): Snapshot | undefined {
  const { broadcasting, queue, database, reverb } = objectOf(config);
  if (!isJsonObject(broadcasting)) return undefined;
  return {
    broadcast: broadcastOf(broadcasting),
    queue: isJsonObject(queue) ? queueOf(queue, objectOf(database)) : undefined,
    reverb: isJsonObject(reverb) ? reverb : undefined,
  };
}

function broadcastOf(broadcasting: JsonObject): BroadcastSettings {
  const connection = broadcasting.default === null ? 'null' : textOf(broadcasting.default);
  const settings = objectOf(objectOf(broadcasting.connections)[connection]);
  const options = objectOf(settings.options);
  const useTls = options.useTLS === true || options.encrypted === true;
  // As pusher-php-server: options win over useTLS.
  return {
    connection,
    driver: 'driver' in settings ? textOf(settings.driver) : undefined,
    appId: textOf(settings.app_id),
    key: textOf(settings.key),
    secret: textOf(settings.secret),
    host: textOf(options.host) || `api-${textOf(options.cluster) || 'mt1'}.pusher.com`,
    port: textOf(options.port) || (useTls ? '443' : '80'),
    scheme: textOf(options.scheme) || (useTls ? 'https' : 'http'),
    path: textOf(options.path).replace(/^\/+|\/+$/g, ''),
  };
}

function queueOf(queue: JsonObject, database: JsonObject): QueueSettings {
  const connection = textOf(queue.default);
  const options = objectOf(objectOf(queue.connections)[connection]);
  const driver = 'driver' in options ? textOf(options.driver) : undefined;
  const redis = objectOf(database.redis);
  const stores = driver === 'redis' ? redis : objectOf(database.connections);
  const name = textOf(options.connection) || (driver === 'redis' ? 'default' : textOf(database.default));
  const store = stores[name];
  return {
    connection,
    driver,
    queue: textOf(options.queue) || 'default',
    options,
    store: isJsonObject(store) ? store : undefined,
    redisPrefix: textOf(objectOf(redis.options).prefix) + textOf(objectOf(objectOf(store).options).prefix),
  };
}

/** The values of Laravel's own configuration files, for a machine without PHP. */
export function assumedSnapshot(variables: Variables): Snapshot {
  const env = (name: string, fallback = ''): string => textIn(variables, name)?.trim() ?? fallback;
  const given = variables.BROADCAST_CONNECTION ?? variables.BROADCAST_DRIVER ?? 'null';
  const connection = laravelText(given) ?? 'null';
  const prefix = connection === 'pusher' ? 'PUSHER' : 'REVERB';
  const usual = ['reverb', 'pusher', 'log', 'null', 'redis', 'ably'];
  return {
    broadcast: {
      connection,
      driver: usual.includes(connection) ? connection : undefined,
      appId: env(`${prefix}_APP_ID`),
      key: env(`${prefix}_APP_KEY`),
      secret: env(`${prefix}_APP_SECRET`),
      host: env(
        `${prefix}_HOST`,
        prefix === 'PUSHER' ? `api-${env('PUSHER_APP_CLUSTER', 'mt1')}.pusher.com` : '',
      ),
      port: env(`${prefix}_PORT`, '443'),
      scheme: env(`${prefix}_SCHEME`, 'https'),
      path: '',
    },
    queue: undefined,
    reverb: undefined,
  };
}

export const objectOf = (value: unknown): JsonObject => (isJsonObject(value) ? value : {});

export const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';
