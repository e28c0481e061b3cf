/** Texts of requests: those of browsers to the gateway, and those of Laravel that publish. */
import { randomBytes } from 'node:crypto';
import { COOKIE, encryptedCookie } from '../../../auth/laravel-cookies.ts';
import { type Endpoint, signedPath } from '../../../support/wire-http.ts';
import { EVENT } from '../crowd.ts';

export const AUTH_PATH = '/broadcasting/auth';
export const FORM = 'application/x-www-form-urlencoded; charset=UTF-8';

/** Header lines by which a user is known. */
export type Credentials = readonly string[];

const random = (characters: number): string => randomBytes(characters).toString('hex').slice(0, characters);
/** As long as the cookie that Laravel sets beside the session's. */
const XSRF_TOKEN = `XSRF-TOKEN=${encryptedCookie(random(40), 'XSRF-TOKEN')}`;
const CSRF_TOKEN = `X-CSRF-TOKEN: ${random(40)}`;

/** A bearer token as Laravel Sanctum makes it. */
export const bearer = (user: string): Credentials => [`Authorization: Bearer 1|${user.padEnd(48, '0')}`];

/** A session as Laravel names it, with its cookie encrypted anew. */
export const session = (user: string): Credentials => [
  CSRF_TOKEN,
  `Cookie: ${XSRF_TOKEN}; ${COOKIE}=${encryptedCookie(user.padEnd(40, '0'))}`,
];

export const questionBody = (socketId: string, channel: string): string =>
  `socket_id=${socketId}&channel_name=${channel}`;

/** Question of a browser, with the headers that Chrome and pusher-js send. */
export const question = (credentials: Credentials, socketId: string, channel: string): string =>
  text('POST', AUTH_PATH, questionBody(socketId, channel), [
    ...['Accept: */*', 'Accept-Encoding: gzip, deflate, br', 'Accept-Language: en-GB,en;q=0.9'],
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    ...['Origin: http://shop.test', 'Referer: http://shop.test/orders', `Content-Type: ${FORM}`],
    ...credentials,
  ]);

export const up = (): string => text('GET', '/up', '', []);

/** Signed request of one event to a channel without subscribers. */
export function publish(endpoint: Endpoint, headers: readonly string[] = []): string {
  const data = JSON.stringify({ text: random(240) });
  const body = JSON.stringify({ name: EVENT, channel: 'bench-unused', data });
  const path = signedPath(endpoint, 'POST', `/apps/${endpoint.id}/events`, [], body);
  return text('POST', path, body, ['Content-Type: application/json', ...headers]);
}

function text(method: string, path: string, body: string, headers: readonly string[]): string {
  const length = body === '' ? [] : [`Content-Length: ${body.length}`];
  return [`${method} ${path} HTTP/1.1`, 'Host: shop.test', ...headers, ...length, '', body].join('\r\n');
}
