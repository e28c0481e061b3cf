import { hostOf } from '../../net/address.ts';

const DEFAULT_JOB = 'App\\Jobs\\HandleWavehallWebhook@handle';

/** A Redis server, in the words of ioredis. */
interface QueueServer {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  readonly tls?: object;
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
}

/** A queue of Laravel in Redis, and the class that handles its jobs. */
export interface QueueAddress {
  readonly server: QueueServer;
  readonly queue: string;
  /** Laravel's `database.redis.options.prefix`. */
  readonly prefix: string;
  /** `Class@method`. */
  readonly job: string;
}

/**
 * Reads `redis://user:password@host:port/DATABASE/queue:NAME?prefix=…&job=…`, the same with `rediss:`, and
 * `unix:/path/of/socket/DATABASE/queue:NAME`; the database may be left out. `undefined`: the URL names no queue.
 */
export function queueAddressOf(url: URL): QueueAddress | undefined {
  const found = /^(.*?)(?:\/(\d{1,5}))?\/queue:([^/]+)$/.exec(decodeURIComponent(url.pathname));
  const [, path = '', database = '0', queue = ''] = found ?? [];
  if (found === null || (url.protocol !== 'unix:') !== (path === '')) return undefined;
  return {
    server: { ...serverOf(url, path), ...loginOf(url), db: Number(database) },
    queue,
    prefix: url.searchParams.get('prefix') ?? '',
    job: url.searchParams.get('job') ?? DEFAULT_JOB,
  };
}

function serverOf(url: URL, path: string): Omit<QueueServer, 'db'> {
  const { protocol, port } = url;
  if (protocol === 'unix:') return { path };
  return {
    host: hostOf(url),
    port: port === '' ? 6379 : Number(port),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

/** A unix socket has its password in the query, because its URL has no host. */
function loginOf({ username, password, searchParams }: URL): Omit<QueueServer, 'db'> {
  const user = decodeURIComponent(username) || (searchParams.get('username') ?? '');
  const word = decodeURIComponent(password) || (searchParams.get('password') ?? '');
  return { ...(user === '' ? {} : { username: user }), ...(word === '' ? {} : { password: word }) };
}
