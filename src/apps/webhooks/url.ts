import { parseUrl } from '../../core/util/url.ts';
import { ALLOW_PRIVATE_SETTING, hasRefusedHost } from './private-addresses.ts';

const HTTP = /^https?:$/;
const QUEUE = /^(redis|rediss|unix):$/;

/** A path of a queue's URL: the database of `redis:` or the socket of `unix:`, then the queue. */
const QUEUE_PATHS: Readonly<Record<string, RegExp>> = {
  'redis:': /^(\/\d{1,5})?\/queue:[^/]+$/,
  'rediss:': /^(\/\d{1,5})?\/queue:[^/]+$/,
  'unix:': /^\/.+\/queue:[^/]+$/,
};

export const isQueue = (url: URL): boolean => QUEUE.test(url.protocol);

/** The URL of an endpoint, or what was expected of it (SPEC 9.5, 9.7, 9.8). */
export function endpointUrlIn(text: unknown, allowed: readonly string[]): URL | string {
  const url = typeof text === 'string' ? parseUrl(text.trim()) : undefined;
  if (url === undefined || !(HTTP.test(url.protocol) || isQueue(url)))
    return 'a URL that begins with http://, https://, redis://, rediss:// or unix://';
  if (!isDecodable(url)) return 'a URL whose escapes, such as %40, stand for UTF-8';
  if (isQueue(url)) return hasQueue(url) ? url : QUEUE_EXPECTED;
  // The Redis server of a queue is meant to be private.
  return hasRefusedHost(url, allowed) ? PUBLIC_EXPECTED : url;
}

const hasQueue = ({ protocol, hostname, pathname }: URL): boolean =>
  QUEUE_PATHS[protocol]?.test(pathname) === true && (protocol === 'unix:' || hostname !== '');

const QUEUE_EXPECTED =
  'a queue at the end, such as redis://127.0.0.1:6379/0/queue:default or unix:///run/redis.sock/queue:default';

const PUBLIC_EXPECTED = `a public address, or ${ALLOW_PRIVATE_SETTING.webhookPrivateNetworks.name} with the network of this one`;

/** True when the parts that are used without their escapes have valid ones. */
function isDecodable({ username, password, pathname }: URL): boolean {
  try {
    decodeURIComponent(username + password + pathname);
    return true;
  } catch {
    return false;
  }
}
