import { type Answer, http } from '../support/wire-http.ts';
import { startTestServer } from '../cutover/servers.ts';
import { APP_KEY, LaravelStandIn } from './laravel-stand-in.ts';

/** A question of a client to the gateway. */
export interface Asking {
  readonly channel?: string;
  readonly socketId?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly path?: string;
  /** Replaces the body of the form. */
  readonly body?: string;
  readonly type?: string;
}

/** A server with a gateway in front of a stand-in for Laravel. */
export async function startGateway(env: Record<string, string> = {}) {
  const app = await LaravelStandIn.start();
  const server = await startTestServer({ WAVEHALL_AUTH_UPSTREAM: app.url, APP_KEY, ...env });
  return { app, server, ask: asker(server) };
}

export const asker =
  (server: { readonly port: number }) =>
  ({
    channel = 'private-of-ann',
    socketId = '1.1',
    headers = {},
    path = '/broadcasting/auth',
    ...given
  }: Asking = {}): Promise<Answer> => {
    const form = path.includes('user')
      ? { socket_id: socketId }
      : { socket_id: socketId, channel_name: channel };
    const body = given.body ?? new URLSearchParams(form).toString();
    return http(
      { host: '127.0.0.1', port: server.port },
      {
        method: 'POST',
        path,
        body,
        headers: { 'content-type': given.type ?? 'application/x-www-form-urlencoded', ...headers },
      },
    );
  };

export const bearer = (user: string): Record<string, string> => ({
  authorization: `Bearer token-of-${user}`,
});
