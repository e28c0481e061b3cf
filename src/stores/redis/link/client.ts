import type { Socket } from 'node:net';
import { Cluster, Redis } from 'ioredis';
import { backoffMs } from '../../../core/util/backoff.ts';
import type { Address, RedisOptions } from '../options.ts';

const CONNECT_TIMEOUT_MS = 2000;
const KEEP_ALIVE_MS = 10_000;
const RECONNECT = { firstMs: 100, mostMs: 2000, jitter: [0.5, 1.5] } as const;
const SLOTS_REFRESH_MS = 2000;

/** Milliseconds to wait before an attempt to connect, the first being 1. */
export const pauseMs = (attempt: number): number => backoffMs(attempt - 1, RECONNECT);

/**
 * What all connections share. Nothing is queued or sent a second time while Redis is away: whoever asked is told, and
 * what was subscribed to is taken up again by the listener, which knows what it missed meanwhile.
 */
function shared(options: RedisOptions) {
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
    retryStrategy: pauseMs,
    reconnectOnError: (error: Error) => /(^|-)READONLY /.test(error.message),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls
      ? { tls: { rejectUnauthorized: tlsVerify !== false, ...(tlsCa === undefined ? {} : { ca: tlsCa }) } }
      : {}),
  };
}

/** One connection to the server that is written to, wherever Sentinel says that it is. */
export function openServer(options: RedisOptions): Redis {
  const { database, sentinels } = options;
  if (sentinels === undefined)
    return guarded(new Redis({ ...shared(options), ...placeOf(options), db: database }));
  const { sentinelName = 'mymaster', sentinelUsername, sentinelPassword } = options;
  const { tls, ...rest } = shared(options);
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
    sentinelRetryStrategy: pauseMs,
    sentinelReconnectStrategy: pauseMs,
  });
  return revived(guarded(client));
}

const placeOf = ({ host, port, path }: RedisOptions) => (path === undefined ? { host, port } : { path });

/**
 * In ioredis, a failover that is told of while a connection is still asking the Sentinels ends that connection for good.
 * Here only whoever disconnects it does.
 */
function revived(client: Redis): Redis {
  const disconnect = client.disconnect.bind(client);
  let isOver = false;
  client.disconnect = (reconnect = false) => {
    if (!reconnect) isOver = true;
    disconnect(reconnect);
  };
  client.on('end', () => {
    const again = setTimeout(() => {
      if (!isOver && client.status === 'end') client.connect().catch(() => undefined);
    }, pauseMs(1));
    again.unref();
  });
  return client;
}

/** Connections to all servers of a Cluster, for commands: each goes to the server of its keys. */
export function openCluster(options: RedisOptions, startup: readonly Address[]): Cluster {
  const cluster = new Cluster(
    startup.map((each) => ({ ...each })),
    {
      lazyConnect: true,
      enableOfflineQueue: false,
      clusterRetryStrategy: pauseMs,
      // A command whose outcome is not known is not sent again.
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      maxRedirections: 8,
      slotsRefreshInterval: SLOTS_REFRESH_MS,
      // A name in a certificate is a name, not an address.
      dnsLookup: (name, done) => done(null, name),
      redisOptions: { ...shared(options), lazyConnect: true },
    },
  );
  return cluster.on('+node', guarded);
}

/** One connection to one server of a Cluster; it ends when it breaks. */
export const openShard = (options: RedisOptions, { host, port }: Address): Redis =>
  guarded(new Redis({ ...shared(options), host, port, retryStrategy: null }));

/** A TLS socket may tell of more than one error, and a second one that nobody listens to would end the process. */
function guarded(client: Redis): Redis {
  const guard = (): void => {
    const { stream } = client as unknown as { readonly stream?: Socket };
    stream?.on('error', () => undefined);
  };
  client.on('connecting', () => setImmediate(guard));
  client.on('connect', () => setImmediate(() => guardSentinels(client)));
  return client.on('error', guard);
}

/** Connections that wait for the news of a failover: nobody else listens to their errors, and ioredis would print them. */
function guardSentinels(client: Redis): void {
  const { connector } = client as unknown as { readonly connector?: Connector };
  for (const sentinel of connector?.failoverDetector?.sentinels ?? [])
    sentinel.client.on('error', () => undefined);
}

interface Connector {
  readonly failoverDetector?: { readonly sentinels: readonly { readonly client: Redis }[] } | null;
}

/** Resolves when the connection may be used; rejects with what was wrong first, which is what an operator can mend. */
export async function connect(client: Redis | Cluster): Promise<void> {
  let problem: Error | undefined;
  let fail: (error: Error) => void = () => undefined;
  const note = (error: Error): void => void (problem ??= error);
  const failed = new Promise<never>((_, reject) => (fail = reject));
  for (const name of NOTED) client.on(name, note);
  client.once('error', fail);
  try {
    await Promise.race([client.connect(), failed]);
  } catch (error) {
    throw problem ?? (error as Error);
  } finally {
    for (const name of NOTED) client.off(name, note);
    client.off('error', fail);
  }
}

/** What says more than the error in which it ends. */
const NOTED = ['node error', 'sentinelError'];
