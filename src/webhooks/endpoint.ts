import type { Credential } from '#protocol';
import type { App, WebhookEndpoint } from '../core/app.ts';
import { within } from '../core/util/time.ts';
import type { WebhooksDeps } from './deps.ts';
import { EndpointDelivery } from './delivery/endpoint-delivery.ts';
import { HttpSink } from './http/http-sink.ts';
import { systemResolver } from './http/checked-connector.ts';
import { LaravelQueueSink } from './laravel/laravel-queue-sink.ts';
import { queueAddressOf } from './laravel/queue-address.ts';
import type { MeasuredEndpoint } from './metrics.ts';
import type { Sink } from './sink.ts';

const MOST_READ_MS = 1000;

/** One configured endpoint with what delivers to it. */
export class Endpoint implements MeasuredEndpoint {
  readonly name: string;
  readonly app: string;
  readonly sink: Sink;
  readonly delivery: EndpointDelivery;
  readonly #deps: WebhooksDeps;
  readonly #endpoint: WebhookEndpoint;
  #credential: Credential;
  waiting = { entries: 0, oldestMs: 0 };

  constructor(app: App, endpoint: WebhookEndpoint, deps: WebhooksDeps) {
    this.name = endpoint.name;
    this.app = app.id;
    this.#deps = deps;
    this.#endpoint = endpoint;
    this.#credential = app.credentials[0];
    this.sink = openSink(app, endpoint, () => this.#credential, deps);
    this.delivery = new EndpointDelivery({ ...deps, app: app.id, endpoint, sink: this.sink });
  }

  get counts() {
    return this.delivery.counts;
  }

  /** False when the endpoint has changed, so that it needs another sink. Else signs by the app's credential of now. */
  continueFor({ id, credentials }: App, endpoint: WebhookEndpoint): boolean {
    if (id !== this.app || !isSame(endpoint, this.#endpoint)) return false;
    this.#credential = credentials[0];
    return true;
  }

  /** Reads what waits; keeps the last values when the outbox does not answer. Never rejects. */
  async readWaiting(): Promise<void> {
    const asked = this.#deps.outbox.waiting(this.name).catch(() => undefined);
    this.waiting = (await within(asked, MOST_READ_MS)) ?? this.waiting;
  }

  status() {
    const { due, sent, failed, retried, dead } = this.counts;
    const { sinceMs, ...health } = this.delivery.health;
    const since = new Date(sinceMs).toISOString();
    const { entries: waiting, oldestMs: oldestWaitingMs } = this.waiting;
    return {
      endpoint: this.name,
      app: this.app,
      ...health,
      since,
      waiting,
      oldestWaitingMs,
      due,
      sent,
      failed,
      retried,
      dead,
    };
  }
}

const isSame = (one: WebhookEndpoint, other: WebhookEndpoint): boolean =>
  one === other || JSON.stringify(one) === JSON.stringify(other);

/** State of an endpoint, for operators. */
export type EndpointReport = ReturnType<Endpoint['status']>;

/** Opens the sink that the scheme of the URL names. Throws when the URL names none. */
function openSink(
  app: App,
  endpoint: WebhookEndpoint,
  credential: () => Credential,
  deps: WebhooksDeps,
): Sink {
  const { settings, userAgent, clock, resolver = systemResolver } = deps;
  const { timeoutMs, maxInFlight: maxConnections, allowedNetworks } = settings;
  if (/^https?:$/.test(endpoint.url.protocol)) {
    return new HttpSink({
      endpoint,
      credential,
      userAgent,
      timeoutMs,
      maxConnections,
      allowedNetworks,
      resolver,
      clock,
    });
  }
  const address = queueAddressOf(endpoint.url);
  if (address === undefined)
    throw new Error(
      `The URL of webhook endpoint ${endpoint.name} is neither http(s) nor a queue such as redis://127.0.0.1:6379/queue:default`,
    );
  return new LaravelQueueSink({ address, app: app.id, timeoutMs, clock });
}
