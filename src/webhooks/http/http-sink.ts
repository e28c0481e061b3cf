import { type Dispatcher, Pool } from 'undici';
import { type Credential, webhookHeaders } from '#protocol';
import type { WebhookEndpoint } from '../../core/app.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { isReservedHeader } from '../../core/webhooks/reserved-headers.ts';
import { failure, type Message, reasonOf, type SendResult, type Sink } from '../sink.ts';
import { resultOf } from './answer.ts';
import { checkedConnector, type Resolver } from './checked-connector.ts';
import { AllowedAddresses } from '../../net/allowed-addresses.ts';

/** An answer is read up to here, so that its connection can be kept; a longer one ends its connection. */
const MAX_ANSWER_BYTES = 64 * 1024;
const KEEP_ALIVE_MS = 10_000;

export interface HttpSinkOptions {
  readonly endpoint: Pick<WebhookEndpoint, 'url' | 'headers'>;
  /** The credential that signs, asked at each attempt. */
  readonly credential: () => Credential;
  readonly userAgent: string;
  readonly timeoutMs: number;
  readonly maxConnections: number;
  readonly allowedNetworks: readonly string[];
  readonly resolver: Resolver;
  readonly clock: Clock;
}

/** Posts to a URL (SPEC 9.1). Connections are kept and reused, at most `maxConnections`. */
export class HttpSink implements Sink {
  readonly #options: HttpSinkOptions;
  readonly #pool: Pool;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(options: HttpSinkOptions) {
    const { endpoint, userAgent, timeoutMs, maxConnections, allowedNetworks, resolver } = options;
    this.#options = options;
    this.#headers = ownHeaders(endpoint, userAgent);
    this.#pool = new Pool(endpoint.url.origin, {
      connections: maxConnections,
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      connect: checkedConnector(new AllowedAddresses(allowedNetworks), resolver, timeoutMs),
    });
  }

  async send(message: Message): Promise<SendResult> {
    const { timeoutMs, clock } = this.#options;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const answer = await this.#pool.request(this.#requestOf(message, timeout));
      await drain(answer.body);
      return resultOf(answer.statusCode, firstOf(answer.headers['retry-after']), clock());
    } catch (error) {
      return failure(timeout.aborted ? `no complete answer in ${timeoutMs} ms` : reasonOf(error));
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #requestOf({ body, delivery, attempt }: Message, signal: AbortSignal): Dispatcher.RequestOptions {
    const { endpoint, credential } = this.#options;
    return {
      path: endpoint.url.pathname + endpoint.url.search,
      method: 'POST',
      headers: {
        ...this.#headers,
        ...webhookHeaders(credential(), body),
        'Wavehall-Delivery': delivery,
        'Wavehall-Attempt': String(attempt),
      },
      body,
      signal,
    };
  }
}

function ownHeaders(
  { url, headers }: HttpSinkOptions['endpoint'],
  userAgent: string,
): Record<string, string> {
  const own = Object.entries(headers).filter(([name]) => !isReservedHeader(name));
  const names = new Set(own.map(([name]) => name.toLowerCase()));
  const login = loginOf(url);
  return {
    ...(names.has('user-agent') ? {} : { 'User-Agent': userAgent }),
    ...(login === undefined || names.has('authorization') ? {} : { Authorization: login }),
    ...Object.fromEntries(own),
  };
}

/** User and password of a URL as Basic authentication. */
function loginOf({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(login).toString('base64')}`;
}

/** Reads an answer to its end, or to the most bytes; leaving the loop early ends the connection. Rejects when it breaks off. */
async function drain(body: AsyncIterable<Uint8Array>): Promise<void> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) return;
  }
}

const firstOf = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;
