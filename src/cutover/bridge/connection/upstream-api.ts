import { setMaxListeners } from 'node:events';
import type { Agent } from 'node:http';
import { type Credential, signHttp } from '#protocol';
import { prefixOf } from '../../../net/address.ts';
import { type HttpAnswer, type HttpFailure, keptConnections, sendRequest } from '../../../net/http-client.ts';
import type { TlsPeer } from '../../../net/tls-trust.ts';
import type { BridgeLimits } from '../limits.ts';
import type { RequestOutcome, UpstreamRequests } from '../ports/requests.ts';

const MOST_REASON_CHARS = 300;
const MAX_API_ANSWER_BYTES = 16 * 1024 * 1024;

interface UpstreamApiOptions {
  readonly appId: string;
  readonly upstream: TlsPeer;
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
 * SPEC 11.7: the upstream's HTTP API for one app. Requests are signed without the path prefix of the upstream's address,
 * as Pusher's PHP library does.
 */
export class UpstreamApi implements UpstreamRequests {
  readonly #upstream: URL;
  readonly #root: string;
  readonly #credential: Credential;
  readonly #timeoutMs: number;
  readonly #agent: Agent;
  readonly #stopping = new AbortController();

  constructor(deps: UpstreamApiOptions) {
    this.#upstream = deps.upstream.url;
    this.#root = `/apps/${encodeURIComponent(deps.appId)}`;
    this.#credential = deps.credential;
    this.#timeoutMs = deps.limits.requestTimeoutMs;
    // One for each queue of events, and one for other requests.
    this.#agent = keptConnections(deps.upstream, deps.limits.parallelRequests + 1);
    setMaxListeners(0, this.#stopping.signal);
  }

  post(path: string, body: string): Promise<RequestOutcome> {
    return this.#send({ method: 'POST', path: this.#root + path, query: {}, body });
  }

  async get(path: string, query: Readonly<Record<string, string>> = {}): Promise<string | undefined> {
    const outcome = await this.#send({ method: 'GET', path: this.#root + path, query, body: '' });
    return outcome.kind === 'taken' ? outcome.text : undefined;
  }

  stop(): void {
    this.#stopping.abort();
    this.#agent.destroy();
  }

  /** Sends a request once more, at once, when the server had closed the kept connection: it has not read the first one. */
  async #send(request: SignedRequest, isSecond = false): Promise<RequestOutcome> {
    try {
      const { status, text } = await this.#request(request);
      return outcomeOf(status, text);
    } catch (error) {
      const failure = error as HttpFailure;
      return failure.kind === 'stale' && !isSecond ? this.#send(request, true) : outcomeOfFailure(failure);
    }
  }

  #request({ method, path, query, body }: SignedRequest): Promise<HttpAnswer> {
    const timestampSeconds = Math.floor(Date.now() / 1000);
    const signed = signHttp(this.#credential, { method, path, query, body, timestampSeconds });
    return sendRequest(this.#upstream, {
      method,
      path: `${prefixOf(this.#upstream)}${path}?${signed}`,
      body: body === '' ? undefined : body,
      timeoutMs: this.#timeoutMs,
      maxAnswerBytes: MAX_API_ANSWER_BYTES,
      signal: this.#stopping.signal,
      agent: this.#agent,
    });
  }
}

const OUTCOMES = { 'not-sent': 'failed', stale: 'broken', timeout: 'late', broken: 'broken' } as const;

const outcomeOfFailure = ({ kind, reason }: HttpFailure): RequestOutcome => ({
  kind: OUTCOMES[kind],
  text: kind === 'timeout' ? 'no answer in time' : reason,
});

function outcomeOf(status: number, answer: string): RequestOutcome {
  if (status >= 200 && status < 300) return { kind: 'taken', text: answer };
  const text = answer.slice(0, MOST_REASON_CHARS);
  if (status >= 500 || status === 429 || status === 408)
    return { kind: 'failed', text: `${status} ${text}`.trim() };
  return { kind: 'refused', status, text };
}
