import { parseUrl } from '../core/util/url.ts';
import { textIn, type Variables } from '../settings/settings.ts';
import { type HttpAnswer, type HttpFailure, sendRequest } from '../net/http-client.ts';

const TIMEOUT_MS = 10_000;
const MAX_STATUS_BYTES = 16 * 1024 * 1024;

export interface AdminAddress {
  readonly url: string;
  readonly token: string | undefined;
}

/** Local address of the admin API and the HTTP API of a server with these variables. */
export const localAdminUrl = (variables: Variables): string => {
  const apiPort = textIn(variables, 'WAVEHALL_API_PORT');
  return apiPort === undefined ? localClientUrl(variables) : `http://127.0.0.1:${apiPort.trim()}`;
};

/** Local address at which clients reach a server with these variables. */
export const localClientUrl = ({ REVERB_SERVER_PORT: port }: Variables): string =>
  `http://127.0.0.1:${port ?? '8080'}`;

/** Sends a request to the admin API of a running server; rejects with a sentence for the operator (SPEC 11.5). */
export async function askAdmin<T>(
  { url, token }: AdminAddress,
  method: 'GET' | 'PUT' | 'POST',
  path: string,
  body?: object,
): Promise<T> {
  if (token === undefined || token === '')
    throw new Error('--token, or WAVEHALL_ADMIN_TOKEN: expected the token of the admin API');
  if (!/^https?:$/.test(parseUrl(url)?.protocol ?? ''))
    throw new Error(`--url ${JSON.stringify(url)}: expected http://host:port or https://host:port`);
  const { status, text } = await sendToAdmin(new URL(`/admin${path}`, url), method, token, body);
  if (status === 200) return JSON.parse(text) as T;
  throw new Error(reasonOfStatus(status, text, url));
}

function reasonOfStatus(status: number, text: string, url: string): string {
  if (status === 401) return `${url} refuses this token: --token, or WAVEHALL_ADMIN_TOKEN`;
  const error = errorIn(text);
  if (error !== undefined) return error;
  if (status === 404) return `${url} has no admin API: WAVEHALL_ADMIN_TOKEN is not set there`;
  return `${url} answered with ${status}`;
}

function errorIn(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}

async function sendToAdmin(
  url: URL,
  method: string,
  token: string,
  body: object | undefined,
): Promise<HttpAnswer> {
  try {
    return await sendRequest(url, {
      method,
      headers: { authorization: `Bearer ${token}` },
      body: body && JSON.stringify(body),
      timeoutMs: TIMEOUT_MS,
      maxAnswerBytes: MAX_STATUS_BYTES,
    });
  } catch (error) {
    throw new Error(`--url ${url.origin}: cannot be reached (${(error as HttpFailure).reason})`);
  }
}
