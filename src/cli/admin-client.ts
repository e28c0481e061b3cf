import { request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';

const TIMEOUT_MS = 10_000;

export interface AdminAddress {
  readonly url: string;
  readonly token: string | undefined;
}

/** Where a server with these variables is found on this machine. */
export const ownUrl = ({ REVERB_SERVER_PORT: port }: Readonly<Record<string, string | undefined>>): string =>
  `http://127.0.0.1:${port ?? '8080'}`;

/** Asks the admin API of a running server; rejects with a sentence that says what to do (SPEC 11.5). */
export async function askAdmin<T>(
  { url, token }: AdminAddress,
  method: 'GET' | 'PUT' | 'POST',
  path: string,
  body?: object,
): Promise<T> {
  if (token === undefined || token === '')
    throw new Error('--token, or WAVEHALL_ADMIN_TOKEN: expected the token of the admin API');
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new Error(`--url ${JSON.stringify(url)}: expected http://host:port or https://host:port`);
  const { status, text } = await send(new URL(`/admin${path}`, url), method, token, body);
  if (status === 200) return JSON.parse(text) as T;
  throw new Error(sentence(status, text, url));
}

function sentence(status: number, text: string, url: string): string {
  if (status === 401) return `${url} does not take this token: --token, or WAVEHALL_ADMIN_TOKEN`;
  const said = errorIn(text);
  if (said !== undefined) return said;
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

interface Heard {
  readonly status: number;
  readonly text: string;
}

function send(url: URL, method: string, token: string, body: object | undefined): Promise<Heard> {
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? requestTls : requestPlain;
    const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) };
    const outgoing = request(url, { method, headers, timeout: TIMEOUT_MS }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      );
    });
    const fail = (error: Error): void =>
      reject(
        new Error(
          `--url ${url.origin}: cannot be reached (${(error as NodeJS.ErrnoException).code ?? error.message})`,
        ),
      );
    outgoing.on('error', fail);
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)));
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
