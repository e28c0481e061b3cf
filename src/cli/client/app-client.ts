import { signHttp } from '#protocol';
import type { App } from '../../core/app.ts';
import { prefixOf } from '../../net/address.ts';
import { type HttpAnswer, type HttpFailure, sendRequest } from '../../net/http-client.ts';
import { jsonIn, serverUrl } from '../admin-client.ts';

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const MOST_REASON_CHARS = 300;

/** A running server, and the app whose credentials sign the requests. */
export interface AppAddress {
  readonly url: string;
  readonly app: App;
}

export interface AppRequest {
  readonly method: 'GET' | 'POST';
  /** Below `/apps/{id}`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** Sends a signed request to the HTTP API of an app (SPEC 8.1); rejects with a sentence for the operator. */
export async function askApp<T>(address: AppAddress, request: AppRequest): Promise<T> {
  const { status, text } = await send(address, request);
  if (status === 200) return jsonIn(text, address.url) as T;
  throw new Error(reasonOf(status, text, address));
}

function reasonOf(status: number, answer: string, { url, app }: AppAddress): string {
  const text = answer.replace(/\s+/g, ' ').trim().slice(0, MOST_REASON_CHARS);
  const id = JSON.stringify(app.id);
  if (status === 401)
    return `${url} refuses the credentials of the app ${id}: are its id, key and secret those of the server? (401: ${text})`;
  if (status === 404)
    return `${url} has no app ${id}, or is no Wavehall: see --url, --app and the path (404: ${text})`;
  return `${url} answered with ${status}: ${text}`;
}

async function send({ url, app }: AppAddress, { method, path, ...rest }: AppRequest): Promise<HttpAnswer> {
  const server = serverUrl(url);
  const { query, body: content } = rest;
  const body = content && JSON.stringify(content);
  const whole = `/apps/${encodeURIComponent(app.id)}${path}`;
  const timestampSeconds = Math.floor(Date.now() / 1000);
  const signed = signHttp(app.credentials[0], { method, path: whole, query, body, timestampSeconds });
  try {
    return await sendRequest(server, {
      method,
      path: `${prefixOf(server)}${whole}?${signed}`,
      body,
      timeoutMs: TIMEOUT_MS,
      maxAnswerBytes: MAX_ANSWER_BYTES,
    });
  } catch (error) {
    throw new Error(`--url ${server.origin}: cannot be reached (${(error as HttpFailure).reason})`);
  }
}
