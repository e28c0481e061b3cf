import { parseUrl } from '../core/util/url.ts';
import { localHost } from '../net/address.ts';
import { textIn, type Variables } from '../settings/settings.ts';
import { type HttpAnswer, type HttpFailure, sendRequest } from '../net/http-client.ts';

const TIMEOUT_MS = 10_000;
const MAX_STATUS_BYTES = 16 * 1024 * 1024;

export interface AdminAddress {
  readonly url: string;
  readonly token: string | undefined;
}

/** Address of the admin API and the HTTP API of the server with these variables, from its own machine. */
export function localAdminUrl(variables: Variables): string {
  const port = textIn(variables, 'WAVEHALL_API_PORT')?.trim();
  if (port === undefined) return localClientUrl(variables);
  return localUrl(variables, textIn(variables, 'WAVEHALL_API_HOST') ?? hostOf(variables), port);
}

/** Address at which clients reach the server with these variables, from its own machine. */
export const localClientUrl = (variables: Variables): string =>
  localUrl(variables, hostOf(variables), textIn(variables, 'REVERB_SERVER_PORT')?.trim() ?? '8080');

const hostOf = (variables: Variables): string => textIn(variables, 'REVERB_SERVER_HOST') ?? '0.0.0.0';

function localUrl(variables: Variables, host: string, port: string): string {
  const address = localHost(host.trim().replace(/^\[(.*)\]$/, '$1'));
  if (textIn(variables, 'WAVEHALL_TLS_CERT') === undefined) return `http://${address}:${port}`;
  // The certificate has the name of a host.
  return `https://${textIn(variables, 'REVERB_HOST')?.trim() ?? address}:${port}`;
}

/** Parses `--url`; throws a sentence for the operator. */
export function serverUrl(url: string): URL {
  const parsed = parseUrl(url);
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol))
    throw new Error(`--url ${JSON.stringify(url)}: expected http://host:port or https://host:port`);
  if (parsed.username !== '' || parsed.password !== '')
    throw new Error('--url: expected no user and no password');
  return parsed;
}

/** Parses an answer; throws a sentence for the operator when it is not JSON. */
export function jsonIn(text: string, url: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error(`${url} did not answer with JSON: is it Wavehall?`);
  }
}

/** Sends a request to the admin API of a running server; rejects with a sentence for the operator (SPEC 11.5). */
export async function askAdmin<T>(
  { url, token }: AdminAddress,
  method: 'GET' | 'PUT' | 'POST',
  path: string,
  body?: object,
): Promise<T> {
  const { status, text } = await sendToAdmin(adminUrl({ url, token }, path), method, token, body);
  if (status === 200 || status === 202) return jsonIn(text, url) as T;
  throw new Error(reasonOfStatus(status, text, url));
}

/** URL of a path of the admin API; throws a sentence for the operator when the token is missing. */
export function adminUrl({ url, token }: AdminAddress, path: string): URL {
  if (token === undefined || token === '')
    throw new Error('--token, or WAVEHALL_ADMIN_TOKEN: expected the token of the admin API');
  return new URL(`/admin${path}`, serverUrl(url));
}

/** Sentence for an answer that is not a success. */
export function reasonOfStatus(status: number, text: string, url: string): string {
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
  token = '',
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
