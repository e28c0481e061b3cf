import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { APP } from '../support/app.ts';
import { channelAuth, userAuth } from '../support/wire-http.ts';
import { APP_KEY, COOKIE, encryptedCookie } from './laravel-cookies.ts';

export { APP_KEY, encryptedCookie } from './laravel-cookies.ts';

export const SHARED_SECRET = Buffer.alloc(32, 1).toString('base64');

/** A request as the stand-in received it. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** How it answers: as Laravel does, or with a fault. */
export type Mode =
  | 'well'
  | 'hangs'
  | 'closes'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string };

/** Stand-in for a Laravel app, for faults that a real one cannot be made to have. Users sign in by `Bearer token-of-NAME` or a session `NAME…`. */
export class LaravelStandIn {
  readonly received: Received[] = [];
  mode: Mode = 'well';
  /** Time until it answers. */
  delayMs = 0;
  /** The most requests that it had at once. */
  mostAtOnce = 0;
  /** True if a user may enter a channel. */
  allows = (user: string, channel: string): boolean =>
    channel.endsWith(`-of-${user}`) || channel.endsWith('-of-all');
  /** Changes an answer that allows. */
  alter: (answer: Record<string, unknown>) => unknown = (answer) => answer;
  port = 0;
  #atOnce = 0;
  readonly #server: Server = createServer((request, response) => void this.#serve(request, response));

  /** Until the end of the test. */
  static async start(): Promise<LaravelStandIn> {
    const stand = await LaravelStandIn.open();
    onTestFinished(() => stand.close());
    return stand;
  }

  static async open(): Promise<LaravelStandIn> {
    const stand = new LaravelStandIn();
    stand.#server.listen(0, '127.0.0.1');
    await once(stand.#server, 'listening');
    stand.port = (stand.#server.address() as AddressInfo).port;
    return stand;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', rawHeaders, headers } = request;
    const received = { method, url, rawHeaders, headers, body: Buffer.concat(chunks).toString() };
    this.received.push(received);
    this.#atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce);
    response.once('close', () => (this.#atOnce -= 1));
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    const { mode } = this;
    if (mode === 'hangs') return;
    if (mode === 'closes') return void request.socket.destroy();
    if (mode !== 'well') return void response.writeHead(mode.status, mode.headers).end(mode.body ?? '');
    this.#answer(received, response);
  }

  #answer({ url, headers, body }: Received, response: ServerResponse): void {
    const session = sessionOf(headers);
    const user =
      /^bearer token-of-([a-z]+)$/i.exec(headers.authorization ?? '')?.[1] ?? session?.split('-')[0];
    const { socket_id: socketId = '', channel_name: channel = '' } = fieldsOf(headers, body, url);
    if (session !== undefined)
      response.setHeader('set-cookie', [`${sessionCookie(session)}; path=/`, 'XSRF-TOKEN=x; path=/']);
    if (user === undefined) return send(response, 403, { message: 'Forbidden' });
    if (url.includes('user-auth')) {
      const data = JSON.stringify({ id: user, user_info: { name: `é ${user}` } });
      return send(response, 200, this.alter({ auth: userAuth(APP, socketId, data), user_data: data }));
    }
    if (!this.allows(user, channel)) return send(response, 403, { message: 'Forbidden' });
    // White space and escapes as no other library would write them.
    const member = `{"user_id": "${user}",  "user_info":{"name":"\\u00e9\\/ ${user}"}}`;
    const data = channel.startsWith('presence-') ? member : undefined;
    send(
      response,
      200,
      this.alter({
        auth: channelAuth(APP, socketId, channel, data),
        ...(data !== undefined && { channel_data: data }),
        ...(channel.startsWith('private-encrypted-') && { shared_secret: SHARED_SECRET }),
      }),
    );
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', vary: 'Origin', 'x-powered-by': 'PHP' });
  response.end(JSON.stringify(body));
}

/** Sessions by their encrypted cookie: the stand-in needs no second implementation of reading them. */
const sessions = new Map<string, string>();

/** A new cookie of a session, such as `ann-1` of the user `ann`. */
export function sessionCookie(session: string, appKey = APP_KEY): string {
  const cookie = encryptedCookie(session, COOKIE, appKey);
  sessions.set(cookie, session);
  return `${COOKIE}=${cookie}`;
}

const sessionOf = ({ cookie = '' }: IncomingMessage['headers']): string | undefined =>
  sessions.get(/(?:^|; )laravel_session=([^;]+)/.exec(cookie)?.[1] ?? '');

function fieldsOf(
  { 'content-type': type = '' }: IncomingMessage['headers'],
  body: string,
  url: string,
): Record<string, string> {
  if (type.startsWith('application/json')) return JSON.parse(body) as Record<string, string>;
  return Object.fromEntries([...new URLSearchParams(url.split('?')[1] ?? ''), ...new URLSearchParams(body)]);
}
