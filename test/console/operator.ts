import type { TestServer } from '../support/server.ts';
import { type Answer, http } from '../support/wire-http.ts';
import type { Address } from '../support/wire.ts';
import { TOKEN } from '../cli/operated-server.ts';

type Headers = Readonly<Record<string, string>>;

/** Headers that a browser and the page of the console send. */
export const pageHeaders = ({ host, port }: Address): Headers => ({
  origin: `http://${host}:${port}`,
  'sec-fetch-site': 'same-origin',
  'x-wavehall-console': '/admin',
});

export const ask = (
  server: Address,
  method: string,
  path: string,
  headers: Headers = {},
  body?: object,
  limitMs?: number,
): Promise<Answer> =>
  http(server, {
    ...(limitMs !== undefined && { limitMs }),
    method,
    path,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

export const logIn = (server: Address, token = TOKEN, headers: Headers = {}): Promise<Answer> =>
  ask(server, 'POST', '/admin/console/session', { ...pageHeaders(server), ...headers }, { token });

/** The cookie of an answer, as a browser sends it back. */
export const cookieOf = ({ headers }: Answer): string => headers['set-cookie']?.[0]?.split(';')[0] ?? '';

/** Headers of the page in a browser that is logged in. */
export async function loggedIn(server: TestServer): Promise<Headers> {
  return { ...pageHeaders(server), cookie: cookieOf(await logIn(server)) };
}
