import { randomUUID } from 'node:crypto';
import type { Credential } from '#protocol';
import { type CertificateReport, readCertificate } from './certificate.ts';
import { Client, type ConnectOutcome, dataOf } from './client.ts';
import { identify, type Identity } from './identity.ts';
import { type PublishOutcome, publishEvent } from './publish.ts';
import type { ServerFrame } from '../../../cutover/client/server-frame.ts';
import type { Site } from './site.ts';

/** Size of an event's data that Pusher allows. */
const LARGE_EVENT_BYTES = 10_000;
const EVENT = 'wavehall-doctor';

export interface Addresses {
  /** Where the server listens. */
  readonly local: URL | undefined;
  /** Where Laravel publishes. */
  readonly publish: URL | undefined;
  /** Where browsers connect. */
  readonly public: URL | undefined;
}

export interface NetworkOptions extends Addresses {
  readonly appId: string;
  /** Signs events and private channels, as Laravel does. */
  readonly credential: Credential;
  /** The key that browsers use. */
  readonly browserKey: string;
  readonly origin: string | undefined;
  readonly timeoutMs: number;
}

/** Results of the way of one event: published by Laravel, received by a browser. `undefined`: not tried. */
export interface RoundTrip {
  readonly connected: ConnectOutcome | undefined;
  /** Answer to the subscription; `null`: there was none. */
  readonly subscribed: ServerFrame | null | undefined;
  readonly published: PublishOutcome | undefined;
  readonly isReceived: boolean;
  /** Answer to an event of 10,000 bytes. */
  readonly large: PublishOutcome | undefined;
}

/** All that the doctor asks over the network. Each question is asked once, however many checks need its answer. */
export class Network {
  readonly options: NetworkOptions;
  readonly #answers = new Map<string, Promise<unknown>>();

  constructor(options: NetworkOptions) {
    this.options = options;
  }

  /** The certificate at an address; `undefined` without TLS. */
  certificate(url: URL): Promise<CertificateReport | undefined> {
    return this.#once(`certificate ${url.host}`, () =>
      url.protocol === 'https:' ? readCertificate(url, this.options.timeoutMs) : Promise.resolve(undefined),
    );
  }

  /** The program at an address. */
  identity(url: URL): Promise<Identity> {
    return this.#once(`identity ${url.href}`, async () =>
      identify(await this.#site(url), this.options.timeoutMs),
    );
  }

  /** Connects, subscribes, publishes, and waits for the event. */
  roundTrip(): Promise<RoundTrip> {
    return this.#once('round trip', () => this.#travel());
  }

  /** Opens one more connection of a browser. */
  async connect(): Promise<ConnectOutcome | undefined> {
    const { public: url, browserKey, origin, timeoutMs } = this.options;
    if (url === undefined || browserKey === '') return undefined;
    return Client.open({ site: await this.#site(url), key: browserKey, origin, timeoutMs });
  }

  async #travel(): Promise<RoundTrip> {
    const { credential, timeoutMs } = this.options;
    const channel = `private-${EVENT}-${randomUUID()}`;
    const token = randomUUID();
    const connected = await this.connect();
    const client = connected?.kind === 'open' ? connected.client : undefined;
    const isSigned = credential.secret !== '';
    const subscribed =
      client && isSigned ? ((await client.subscribe(credential, channel, timeoutMs)) ?? null) : undefined;
    const published = await this.#publish(channel, JSON.stringify({ token }));
    const isSent = published?.kind === 'answer' && published.problem === undefined;
    const received =
      client && isSent && subscribed
        ? await client.waitFor((frame) => frame.event === EVENT && dataOf(frame).token === token, timeoutMs)
        : undefined;
    const large = isSent ? await this.#publish(channel, 'x'.repeat(LARGE_EVENT_BYTES)) : undefined;
    client?.close();
    return { connected, subscribed, published, large, isReceived: received !== undefined };
  }

  async #publish(channel: string, data: string): Promise<PublishOutcome | undefined> {
    const { publish: url, appId, credential, timeoutMs } = this.options;
    if (url === undefined || appId === '' || credential.secret === '') return undefined;
    const site = await this.#site(url);
    return publishEvent({ site, appId, credential, timeoutMs }, { name: EVENT, channel, data });
  }

  async #site(url: URL): Promise<Site> {
    const certificate = await this.certificate(url);
    return { url, isTrusted: certificate?.refusedBy === undefined };
  }

  #once<T>(name: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#answers.get(name) ?? ask();
    this.#answers.set(name, known);
    return known as Promise<T>;
  }
}
