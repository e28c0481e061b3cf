import { Agent as HttpAgent, type ClientRequest, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { type Credential, signHttp } from '#protocol';
import { hostOf, prefixOf } from '../../net/address.ts';
import type { Upstream } from '../../ports.ts';
import { trust } from '../../net/trust.ts';
import type { BridgeLimits } from '../limits.ts';

/** What became of a request: `failed` was not carried out, `broken` may have been, `late` may still be. */
export type RequestOutcome =
  | { readonly kind: 'taken'; readonly text: string }
  | { readonly kind: 'refused'; readonly status: number; readonly text: string }
  | { readonly kind: 'failed'; readonly text: string }
  | { readonly kind: 'broken' | 'late'; readonly text: string };

const MOST_REASON_CHARS = 300;
const MOST_ANSWER_CHARS = 16 * 1024 * 1024;

interface UpstreamApiOptions {
  readonly appId: string;
  readonly upstream: Upstream;
  readonly credential: Credential;
  readonly limits: BridgeLimits;
}

interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * SPEC 11.7: signed requests to the other side's HTTP API about one app, `path` being what follows `/apps/{id}`. They are
 * signed without the prefix of the other side's address, as the PHP library does. Never rejects.
 */
export class UpstreamApi {
  readonly #upstream: URL;
  readonly #root: string;
  readonly #credential: Credential;
  readonly #timeoutMs: number;
  readonly #agent: HttpAgent;
  readonly #request: typeof httpRequest;
  readonly #inFlight = new Set<ClientRequest>();

  constructor(deps: UpstreamApiOptions) {
    const isSecure = deps.upstream.url.protocol === 'https:';
    this.#upstream = deps.upstream.url;
    this.#root = `/apps/${encodeURIComponent(deps.appId)}`;
    this.#credential = deps.credential;
    this.#timeoutMs = deps.limits.requestTimeoutMs;
    // A request of each queue, and one more that is none of theirs.
    const options = { keepAlive: true, maxSockets: deps.limits.parallelRequests + 1 };
    this.#agent = isSecure ? new HttpsAgent({ ...options, ...trust(deps.upstream) }) : new HttpAgent(options);
    this.#request = isSecure ? httpsRequest : httpRequest;
  }

  async post(path: string, body: string): Promise<RequestOutcome> {
    const asked = { method: 'POST', path: this.#root + path, query: {}, body };
    const outcome = await this.#once(asked);
    // A connection that was kept open too long says nothing of the request.
    return outcome === 'again' ? ((await this.#once(asked)) as RequestOutcome) : outcome;
  }

  /** The text that a signed GET is answered with; `undefined` when it is not answered well. */
  async get(path: string, query: Readonly<Record<string, string>> = {}): Promise<string | undefined> {
    const asked = { method: 'GET', path: this.#root + path, query, body: '' };
    let outcome = await this.#once(asked);
    if (outcome === 'again') outcome = await this.#once(asked);
    return outcome !== 'again' && outcome.kind === 'taken' ? outcome.text : undefined;
  }

  stop(): void {
    for (const request of this.#inFlight) request.destroy();
    this.#agent.destroy();
  }

  #once(asked: SignedRequest): Promise<RequestOutcome | 'again'> {
    const { method, path, body } = asked;
    const timestampSeconds = Math.floor(Date.now() / 1000);
    const query = signHttp(this.#credential, { ...asked, timestampSeconds });
    return new Promise((resolve) => {
      const request = this.#request({
        agent: this.#agent,
        hostname: hostOf(this.#upstream),
        port: this.#upstream.port,
        method,
        path: `${prefixOf(this.#upstream)}${path}?${query}`,
        ...(body !== '' && {
          headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
        }),
      });
      this.#inFlight.add(request);
      this.#follow(request, (outcome) => {
        this.#inFlight.delete(request);
        resolve(outcome);
      });
      request.end(body);
    });
  }

  #follow(request: ClientRequest, done: (outcome: RequestOutcome | 'again') => void): void {
    const settle = (outcome: RequestOutcome | 'again'): void => {
      clearTimeout(timer);
      done(outcome);
    };
    const timer = setTimeout(() => {
      settle({ kind: 'late', text: 'no answer in time' });
      request.destroy();
    }, this.#timeoutMs);
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (request.reusedSocket && error.code === 'ECONNRESET') return settle('again');
      const kind = wasNeverSent(error) ? 'failed' : 'broken';
      settle({ kind, text: error.code ?? error.message });
    });
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text = (text + chunk).slice(0, MOST_ANSWER_CHARS)));
      response.on('error', () => settle({ kind: 'broken', text: 'the answer broke off' }));
      response.on('close', () => settle(outcomeOf(response.statusCode ?? 0, text)));
    });
  }
}

const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

const wasNeverSent = ({ code }: NodeJS.ErrnoException): boolean => NEVER_SENT.has(code ?? '');

function outcomeOf(status: number, answer: string): RequestOutcome {
  if (status >= 200 && status < 300) return { kind: 'taken', text: answer };
  const text = answer.slice(0, MOST_REASON_CHARS);
  if (status >= 500 || status === 429 || status === 408)
    return { kind: 'failed', text: `${status} ${text}`.trim() };
  return { kind: 'refused', status, text };
}
