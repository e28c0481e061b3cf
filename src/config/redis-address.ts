import { hostOf } from '../net/address.ts';
import type { Address } from '../stores/redis/link/servers.ts';

/** The parts of a URL of the one Redis server. */
export interface RedisUrl {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string | undefined;
  readonly tls?: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly database?: number;
}

/** Returns the path of a unix socket in the forms of phpredis and Predis: alone, or after unix: or unix://. */
export const socketPathIn = (given: string): string | undefined =>
  /^(?:unix:(?:\/\/)?)?(\/(?!\/)[^\0]*[^\0/])$/i.exec(given)?.[1];

/** Parses a URL of Redis; `undefined` when it is none. */
export function parseRedisUrl(given: string): RedisUrl | undefined {
  try {
    const socket = SOCKET_URL.exec(given)?.groups;
    return socket === undefined ? serverUrl(given) : socketUrl(socket);
  } catch {
    return undefined;
  }
}

function serverUrl(given: string): RedisUrl | undefined {
  const url = new URL(given);
  const database = parseDatabase(url.pathname.slice(1));
  if (!/^(rediss?|tls|tcp):$/.test(url.protocol) || url.hostname === '' || database === undefined)
    return undefined;
  return {
    host: hostOf(url),
    path: undefined,
    tls: /^(rediss|tls):$/.test(url.protocol),
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    ...loginOf(decodeURIComponent(url.username), decodeURIComponent(url.password)),
    ...database,
  };
}

/** `unix:` URLs are parsed by this pattern, because `URL` refuses a user without a host. */
const SOCKET_URL =
  /^unix:(?:\/\/(?:(?<username>[^/?#@:]*)(?::(?<password>[^/?#@]*))?@)?(?:localhost)?)?(?<path>\/(?!\/)[^?#]*)(?:\?(?<query>[^#]*))?$/i;

/** Reads `unix://user:password@/path?db=0`; user, password and database may also be in the query, as Predis writes them. */
function socketUrl({ username = '', password = '', path = '', query }: Record<string, string>) {
  const asked = new URLSearchParams(query);
  const from = (...names: string[]): string => names.map((name) => asked.get(name)).find(Boolean) ?? '';
  const database = parseDatabase(from('db', 'database'));
  const decoded = socketPathIn(decodeURIComponent(path));
  if (decoded === undefined || database === undefined) return undefined;
  const user = decodeURIComponent(username) || from('username');
  const word = decodeURIComponent(password) || from('password');
  return { path: decoded, tls: false, ...loginOf(user, word), ...database };
}

const loginOf = (username: string, password: string): RedisUrl => ({
  ...(username === '' ? {} : { username }),
  ...(password === '' ? {} : { password }),
});

const parseDatabase = (given: string): RedisUrl | undefined =>
  !/^\d{0,5}$/.test(given) ? undefined : given === '' ? {} : { database: Number(given) };

export function parseAddress(given: string, usualPort: number): Address | undefined {
  const found = /^(\[[\da-f:]+\]|[^:[\]/@\s]+)(?::(\d{1,5}))?$/i.exec(given);
  const port = Number(found?.[2] ?? usualPort);
  if (found?.[1] === undefined || port < 1 || port > 65_535) return undefined;
  return { host: found[1].replace(/^\[|\]$/g, ''), port };
}
