import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** Sent with each request of the page; its value is the path of the admin API as the browser sees it. A page of another origin cannot send it. */
export const CONSOLE_HEADER = 'x-wavehall-console';

/** A request, as the proxies that are trusted describe it. */
export interface ConsoleClient {
  readonly address: string;
  readonly isSecure: boolean;
  /** True when a trusted proxy has sent the request. */
  readonly isProxied: boolean;
}

/** Name of the cookie: browsers share the cookies of all ports of a host. */
export const cookieName = ({ socket }: IncomingMessage): string =>
  `wavehall_console_${socket.localPort ?? 0}`;

/** Id of the session that a request names; `undefined`: none that could be one. */
export function sessionIn(request: IncomingMessage): string | undefined {
  const name = cookieName(request);
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [key, value = ''] = pair.trim().split('=', 2);
    if (key === name) return /^[\w-]{43}$/.test(value) ? value : undefined;
  }
  return undefined;
}

/** Value of `Set-Cookie`; without an id it removes the cookie. */
export function sessionCookie(
  request: IncomingMessage,
  { isSecure }: ConsoleClient,
  id: string | undefined,
  maxAgeSeconds: number,
): string {
  const fields = [
    `${cookieName(request)}=${id ?? ''}`,
    `Path=${pathIn(request.headers)}`,
    `Max-Age=${id === undefined ? 0 : maxAgeSeconds}`,
    'HttpOnly',
    'SameSite=Strict',
    ...(isSecure ? ['Secure'] : []),
  ];
  return fields.join('; ');
}

/** Path of the admin API as the browser sees it, behind a proxy with a path prefix too. */
function pathIn(headers: IncomingHttpHeaders): string {
  const given = String(headers[CONSOLE_HEADER] ?? '');
  return /^(?:\/[\w.~-]{1,100}){0,10}\/admin$/.test(given) ? given : '/admin';
}

/** False for a request that a page of another origin has caused, as far as its headers tell. */
export function isOwnOrigin({ headers }: IncomingMessage, { isProxied }: ConsoleClient): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  if (headers.origin === undefined) return true;
  const host = hostOf(headers.origin);
  const forwarded = isProxied
    ? String(headers['x-forwarded-host'] ?? '')
        .split(',')[0]
        ?.trim()
    : '';
  return host !== undefined && [headers.host, forwarded].some((each) => host === plainHost(each ?? ''));
}

function hostOf(origin: string): string | undefined {
  const host = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1];
  return host === undefined ? undefined : plainHost(host);
}

const plainHost = (host: string): string => host.toLowerCase().replace(/:(?:80|443)$/, '');
