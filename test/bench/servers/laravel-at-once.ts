/**
 * Stand-in for Laravel that allows every question at once: it boots no framework and reads no database. As Laravel does, it
 * reads the session's cookie, and answers with a cookie that is encrypted anew. Prints the port on which it listens.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LaravelCookies, laravelKey } from '../../../src/auth/gateway/laravel-cookie.ts';
import { APP_KEY, COOKIE, encryptedCookie } from '../../auth/laravel-cookies.ts';
import { APP } from '../../support/app.ts';
import { channelAuth } from '../../support/wire-http.ts';

const cookies = new LaravelCookies([laravelKey(APP_KEY) ?? Buffer.alloc(0)]);

function answer({ headers }: IncomingMessage, body: string, response: ServerResponse): void {
  const found = new RegExp(`(?:^|; )${COOKIE}=([^;]+)`).exec(headers.cookie ?? '')?.[1];
  const session = found === undefined ? undefined : cookies.read(COOKIE, found);
  if (session === undefined && headers.authorization === undefined)
    return void response.writeHead(403).end('{"message":"Forbidden"}');
  const fields = new URLSearchParams(body);
  const auth = channelAuth(APP, fields.get('socket_id') ?? '', fields.get('channel_name') ?? '');
  response.setHeader('Content-Type', 'application/json');
  if (session !== undefined)
    response.setHeader('Set-Cookie', `${COOKIE}=${encryptedCookie(session)}; path=/; httponly; samesite=lax`);
  response.end(JSON.stringify({ auth }));
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => answer(request, Buffer.concat(chunks).toString(), response));
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', 4096, () => console.log((server.address() as AddressInfo).port));
