import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** Of an answer, only the beginning is of interest: it may say why. */
const MAX_ANSWER_BYTES = 4096;

export interface PostRequest {
  readonly method?: 'POST' | 'GET';
  readonly body: string;
  readonly maxAnswerBytes?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** From the first byte to the last one. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly tls?: { readonly ca?: readonly string[]; readonly rejectUnauthorized: boolean };
}

export interface PostResult {
  readonly status: number;
  readonly body: string;
}

/**
 * One POST over a connection of its own (Reverb ends each after one answer without saying so).
 * Rejects when there is no whole answer in time; redirects are answers as any other.
 */
export function post(
  url: URL,
  { method = 'POST', body, headers, timeoutMs, signal, tls, ...posting }: PostRequest,
): Promise<PostResult> {
  return new Promise((resolve, reject) => {
    const { maxAnswerBytes = MAX_ANSWER_BYTES } = posting;
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const sent = send(url, {
      method,
      agent: false,
      headers: { 'content-type': 'application/json', ...headers, 'content-length': Buffer.byteLength(body) },
      ...(signal && { signal }),
      ...(tls && { ...tls, ca: tls.ca && [...tls.ca] }),
    });
    const timer = setTimeout(() => sent.destroy(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      end();
    };
    sent.on('error', (error) => settle(() => reject(error)));
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes >= maxAnswerBytes) answered();
      });
      response.on('error', (error) => settle(() => reject(error)));
      const answered = (): void => {
        const text = Buffer.concat(chunks).toString('utf8').slice(0, maxAnswerBytes);
        settle(() => resolve({ status: response.statusCode ?? 0, body: text }));
        sent.destroy();
      };
      response.on('end', answered);
    });
    sent.end(body);
  });
}
