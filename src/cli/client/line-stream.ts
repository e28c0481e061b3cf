import { request as requestPlain } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as requestTls } from 'node:https';
import { createInterface } from 'node:readline';
import { type AdminAddress, adminUrl, reasonOfStatus } from '../admin-client.ts';

const CONNECT_MS = 10_000;
/** The server sends an empty line every 5 s. */
const SILENCE_MS = 15_000;
const MAX_ERROR_BYTES = 4096;

/** The stream cannot be opened: the address, the token or the request is wrong. */
export class StreamRefused extends Error {
  override readonly name = 'StreamRefused';
}

export interface LineReader {
  /** Called before the first line. */
  readonly onOpen?: () => void;
  readonly onLine: (line: string) => void;
}

/**
 * Reads the lines of a stream of the admin API until it ends or `signal` is aborted. Rejects with a sentence for the
 * operator; with `StreamRefused` when trying again would not help.
 */
export async function readLines(
  admin: AdminAddress,
  path: string,
  { onOpen, onLine }: LineReader,
  signal: AbortSignal,
): Promise<void> {
  const answer = await open(admin, path, signal);
  if (answer.statusCode !== 200)
    throw new StreamRefused(reasonOfStatus(answer.statusCode ?? 0, await textOf(answer), admin.url));
  if (!/ndjson/.test(answer.headers['content-type'] ?? ''))
    throw new StreamRefused(`${admin.url} did not answer with JSON: is it Wavehall?`);
  onOpen?.();
  try {
    for await (const line of createInterface({ input: answer })) if (line !== '') onLine(line);
  } finally {
    answer.destroy();
  }
}

function open(admin: AdminAddress, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  const url = adminUrl(admin, path);
  const send = url.protocol === 'https:' ? requestTls : requestPlain;
  const cannot = (reason: string): Error => new Error(`--url ${url.origin}: cannot be reached (${reason})`);
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${admin.token ?? ''}` };
    const request = send(url, { headers, agent: false, signal, timeout: SILENCE_MS });
    const timer = setTimeout(() => request.destroy(new Error(`no answer in ${CONNECT_MS} ms`)), CONNECT_MS);
    request.on('timeout', () => request.destroy(new Error(`no line in ${SILENCE_MS} ms`)));
    request.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(cannot(code ?? message));
    });
    request.on('response', (answer) => {
      clearTimeout(timer);
      answer.on('error', () => undefined);
      resolve(answer);
    });
    request.end();
  });
}

/** Reads the beginning of an answer. */
async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (text.length > MAX_ERROR_BYTES) break;
  }
  return text;
}
