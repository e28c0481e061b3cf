import type { Socket } from 'node:net';
import { Cluster, Redis } from 'ioredis';
import { backoffMs } from '../../../core/util/backoff.ts';
import { ignore } from '../../../core/util/ignore.ts';
import type { Address, RedisServers } from './servers.ts';

const CONNECT_TIMEOUT_MS = 2000;
const KEEP_ALIVE_MS = 10_000;
const RECONNECT = { firstMs: 100, mostMs: 2000, jitter: [0.5, 1.5] } as const;
const SLOTS_REFRESH_MS = 2000;

/** Milliseconds to wait before an attempt to connect; the first attempt is number 1. */
export const retryDelayMs = (attempt: number): number => backoffMs(attempt - 1, RECONNECT);

/**
 * Options of all connections. While Redis is unavailable nothing is queued or sent a second time: the caller gets the error.
 * Subscriptions are restored by `Receiver`, which reads what it missed meanwhile.
 */
function connectionOptions(options: RedisServers) {
  const { username, password, tls, tlsCa, tlsVerify } = options;
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    disableClientInfo: true,
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: options.commandTimeoutMs,
    keepAlive: KEEP_ALIVE_MS,
    retryStrategy: retryDelayMs,
    reconnectOnError: (error: Error) => /(^|-)READONLY /.test(error.message),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls
      ? { tls: { rejectUnauthorized: tlsVerify !== false, ...(tlsCa === undefined ? {} : { ca: tlsCa }) } }
      : {}),
  };
}

/** Opens one connection to the master, at the address that Sentinel names if there is one. */
export function openServer(options: RedisServers): Redis {
  const { database, sentinels } = options;
  if (sentinels === undefined)
    return withErrorListeners(
      new Redis({ ...connectionOptions(options), ...serverAddress(options), db: database }),
    );
  const { sentinelName = 'mymaster', sentinelUsername, sentinelPassword } = options;
  const { tls, ...rest } = connectionOptions(options);
  const client = new Redis({
    ...rest,
    ...(tls === undefined ? {} : { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    sentinels: sentinels.map((each) => ({ ...each })),
    name: sentinelName,
    role: 'master',
    db: database,
    failoverDetector: true,
    sentinelCommandTimeout: options.commandTimeoutMs,
    sentinelRetryStrategy: retryDelayMs,
    sentinelReconnectStrategy: retryDelayMs,
  });
  return reconnecting(withErrorListeners(client));
}

const serverAddress = ({ host, port, path }: RedisServers) =>
  path === undefined ? { host, port } : { path };

/**
 * Reconnects a client that has ended by itself. In ioredis, a failover notice that arrives while a connection is still asking the
 * Sentinels ends that connection for good; here only a call of `disconnect()` does.
 */
function reconnecting(client: Redis): Redis {
  const disconnect = client.disconnect.bind(client);
  let isClosed = false;
  client.disconnect = (reconnect = false) => {
    if (!reconnect) isClosed = true;
    disconnect(reconnect);
  };
  client.on('end', () => {
    const again = setTimeout(() => {
      if (!isClosed && client.status === 'end') client.connect().catch(() => undefined);
    }, retryDelayMs(1));
    again.unref();
  });
  return client;
}

/** Opens connections to all servers of a Cluster for commands; each command goes to the server of its keys. */
export function openCluster(options: RedisServers, startup: readonly Address[]): Cluster {
  const cluster = new Cluster(
    startup.map((each) => ({ ...each })),
    {
      lazyConnect: true,
      enableOfflineQueue: false,
      clusterRetryStrategy: retryDelayMs,
      // A command with an unknown outcome is not sent again.
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      maxRedirections: 8,
      slotsRefreshInterval: SLOTS_REFRESH_MS,
      // Host names stay as they are, since certificates contain names rather than addresses.
      dnsLookup: (name, done) => done(null, name),
      redisOptions: { ...connectionOptions(options), lazyConnect: true },
    },
  );
  return cluster.on('+node', withErrorListeners);
}

/** Opens one connection to one server of a Cluster; it does not reconnect. */
export const openShard = (options: RedisServers, { host, port }: Address): Redis =>
  withErrorListeners(new Redis({ ...connectionOptions(options), host, port, retryStrategy: null }));

/** Adds error listeners. A TLS socket may emit a second error, which without a listener would end the process. */
function withErrorListeners(client: Redis): Redis {
  const guard = (): void => {
    const { stream } = client as unknown as { readonly stream?: Socket };
    stream?.on('error', () => undefined);
  };
  client.on('connecting', () => setImmediate(guard));
  client.on('connect', () => setImmediate(() => guardSentinels(client)));
  return client.on('error', guard);
}

/**
 * Handles the errors of the connections that wait for a failover notice. ioredis has no listeners there and would print errors; and
 * after a reconnect it subscribes again without handling a rejection, which comes when the connection closes before the answer.
 */
function guardSentinels(client: Redis): void {
  const { connector } = client as unknown as { readonly connector?: Connector };
  for (const { client: sentinel } of connector?.failoverDetector?.sentinels ?? []) {
    sentinel.on('error', ignore);
    const subscribe = sentinel.subscribe.bind(sentinel) as (...given: unknown[]) => Promise<unknown>;
    sentinel.subscribe = (...given: unknown[]) => {
      const subscribed = subscribe(...given);
      subscribed.catch(ignore);
      return subscribed;
    };
  }
}

interface Connector {
  readonly failoverDetector?: { readonly sentinels: readonly { readonly client: Redis }[] } | null;
}

/** Resolves when the connection is ready; rejects with the first error, which is the one that an operator can fix. */
export async function connect(client: Redis | Cluster): Promise<void> {
  let problem: Error | undefined;
  let fail: (error: Error) => void = () => undefined;
  const note = (error: Error): void => void (problem ??= error);
  const failed = new Promise<never>((_, reject) => (fail = reject));
  for (const name of CAUSE_EVENTS) client.on(name, note);
  client.once('error', fail);
  try {
    await Promise.race([client.connect(), failed]);
  } catch (error) {
    throw problem ?? (error as Error);
  } finally {
    for (const name of CAUSE_EVENTS) client.off(name, note);
    client.off('error', fail);
  }
}

/** Events whose error is more specific than the one that `connect()` rejects with. */
const CAUSE_EVENTS = ['node error', 'sentinelError'];
