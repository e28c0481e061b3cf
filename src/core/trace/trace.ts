import type { ChannelEvent, ChannelRef } from '../ports/events.ts';
import type { LogExample } from '../util/minute-log.ts';
import { ByteRing } from './byte-ring.ts';
import { channelFacts, type LocalChannels } from './channel-facts.ts';
import { RepeatedText } from './copied-text.ts';
import { DeliveryRing } from './delivery-ring.ts';
import type {
  ChannelFacts,
  DeliveryFacts,
  FollowedFacts,
  FollowQuestion,
  FoundFacts,
  ProcessName,
  TraceQuery,
  WantedDelivery,
} from './facts.ts';
import { findRequests, publishedNear } from './find-requests.ts';
import { RecentRefusals } from './recent-refusals.ts';
import { TracedRequest, type TracedSender } from './traced-request.ts';
import { Vacancies } from './vacancies.ts';

/** Apps of which the time of the last publish is kept. */
export const MOST_APPS = 1000;
const MOST_ADDRESS_CHARS = 64;
export const MOST_AGENT_CHARS = 100;
/** The clocks of two nodes differ by less. */
const CLOCKS_MS = 1000;
/** An event of the process that was asked for is delivered after its request, to the millisecond. */
const ROUNDING_MS = 5;

interface TraceOptions {
  /** 0: nothing is kept. */
  readonly bytes: number;
  /** Begins the ids of this process: 8 characters, random. */
  readonly process: string;
  /** Name of this process for people. */
  readonly label: string;
  readonly clock: () => number;
}

/** Channels and clients of this process. */
export interface FollowedHub extends LocalChannels {
  connectionCount(app: string): number;
}

interface Rings {
  readonly requests: ByteRing<TracedRequest>;
  readonly deliveries: DeliveryRing;
}

/** Fan-out that has ended, as the trace needs it. */
interface EndedBatch {
  readonly size: number;
  readonly sharedBy: number;
  readonly closing: number;
  readonly own:
    | {
        readonly reach: readonly number[];
        readonly excluded: readonly number[];
        readonly skipped: readonly number[];
      }
    | undefined;
  event(at: number): ChannelEvent;
}

interface SendingClient {
  readonly app: { readonly id: string };
  readonly socketId: string;
  readonly socket: { readonly remoteAddress: string };
}

interface EndedChannel {
  readonly ref: ChannelRef;
  readonly live: { readonly length: number };
  readonly waiting: { readonly length: number };
}

const ringsOf = (bytes: number): Rings => ({
  requests: new ByteRing(Math.floor(bytes / 2)),
  deliveries: new DeliveryRing(Math.floor(bytes / 2)),
});

/** Keeps what became of published events on this process (SPEC 16). Bounded in bytes; nothing is looked up until somebody asks. */
export class Trace {
  readonly name: ProcessName;
  readonly #isOn: boolean;
  readonly #clock: () => number;
  readonly #startedAtMs: number;
  /** Those of clients have rings of their own: no client pushes out what publishers sent. */
  readonly #publishers: Rings;
  readonly #clients: Rings;
  readonly #vacancies: Vacancies;
  readonly #refusals: RecentRefusals;
  readonly #publishedAtMs = new Map<string, number>();
  readonly #address = new RepeatedText(MOST_ADDRESS_CHARS);
  readonly #agent = new RepeatedText(MOST_AGENT_CHARS);
  #last = 0;

  constructor({ bytes, process, label, clock }: TraceOptions) {
    this.name = { process, label };
    this.#isOn = bytes > 0;
    this.#clock = clock;
    this.#startedAtMs = clock();
    const [ofClients, ofVacancies] = [Math.floor(bytes / 4), Math.floor(bytes / 16)];
    this.#publishers = ringsOf(bytes - ofClients - ofVacancies);
    this.#clients = ringsOf(ofClients);
    this.#vacancies = new Vacancies(ofVacancies);
    this.#refusals = new RecentRefusals(clock);
  }

  /** Bytes that the rings hold. */
  get bytes(): number {
    return [this.#publishers, this.#clients].reduce(
      (sum, { requests, deliveries }) => sum + requests.bytes + deliveries.bytes,
      this.#vacancies.bytes,
    );
  }

  /** Begins a request; `undefined`: nothing is kept. It is kept from `end` on. */
  begin(sender: Omit<TracedSender, 'id' | 'atMs'>): TracedRequest | undefined {
    if (!this.#isOn) return undefined;
    this.#last += 1;
    const { app, key, source, address, agent, socket, bodyBytes } = sender;
    // Spelled out: a spread of the sender takes longer than all the rest.
    return new TracedRequest({
      id: `${this.name.process}-${this.#last.toString(36)}`,
      atMs: this.#clock(),
      app,
      key,
      source,
      address: this.#address.copy(address),
      agent: agent === undefined ? undefined : this.#agent.copy(agent),
      socket,
      bodyBytes,
    });
  }

  end(request: TracedRequest, outcome: Parameters<TracedRequest['ended']>[0]): void {
    const now = this.#clock();
    request.ended(outcome, now - request.atMs);
    const { source, app } = request.sender;
    (source === 'client' ? this.#clients : this.#publishers).requests.push(request, request.bytes);
    if (source !== 'client' && outcome.status === 200) this.#published(app, now);
  }

  /** Notes what became of the events of a fan-out. Called once for each, not for each socket. */
  delivered({ ref, live, waiting }: EndedChannel, batch: EndedBatch): void {
    if (!this.#isOn) return;
    const atMs = this.#clock();
    const { own, sharedBy, closing } = batch;
    for (let at = 0; at < batch.size; at += 1) {
      const { payload, memberChange, bestEffort, position } = batch.event(at);
      if (memberChange !== undefined || payload.startsWith('{"event":"pusher')) continue;
      (bestEffort === true ? this.#clients : this.#publishers).deliveries.add(ref, payload, atMs, {
        subscribers: live.length,
        sockets: sharedBy + (own?.reach[at] ?? 0),
        excluded: own?.excluded[at] ?? 0,
        slow: own?.skipped[at] ?? 0,
        closing,
        subscribing: waiting.length,
        offset: position?.offset,
      });
    }
  }

  /** Notes an event that a client sends. Returns its id; `undefined`: nothing is kept. */
  sent(
    from: SendingClient,
    channel: string,
    event: { readonly name: string; readonly payload: string },
  ): string | undefined {
    const { socketId: socket, app } = from;
    const { remoteAddress: address } = from.socket;
    const request = this.begin({ app: app.id, source: 'client', address, socket, bodyBytes: 0 });
    if (request === undefined) return undefined;
    request.asks([{ name: event.name, channels: [channel], except: socket }]);
    request.published(0, channel, event.payload);
    this.end(request, { status: 200 });
    return request.id;
  }

  /** Notes that the last subscriber of a channel left. */
  vacated(ref: ChannelRef): void {
    if (this.#isOn) this.#vacancies.add(ref, this.#clock());
  }

  refused(reason: string, example: LogExample): void {
    if (this.#isOn) this.#refusals.note(reason, example);
  }

  /** The requests that fit, and what is known of the app. */
  find(query: TraceQuery): FoundFacts {
    const { app } = query;
    const requests = findRequests([this.#publishers.requests, this.#clients.requests], query);
    return {
      ...this.name,
      startedAtMs: this.#startedAtMs,
      requests,
      oldestAtMs: this.#publishers.requests.oldest?.atMs,
      publishedAtMs: this.#publishedOf(app ?? requests[0]?.app),
      publishedNear: publishedNear(this.#publishers.requests, query),
      refusals: this.#refusals.of(app ?? requests[0]?.app),
    };
  }

  /** The deliveries of events, and the state of their channels. */
  follow({ app, source, wanted }: FollowQuestion, hub: FollowedHub): FollowedFacts {
    const { deliveries } = source === 'client' ? this.#clients : this.#publishers;
    return {
      ...this.name,
      connections: hub.connectionCount(app),
      keptSinceMs: this.#isOn ? (deliveries.keptSinceMs ?? this.#startedAtMs) : this.#clock(),
      channels: wanted.map((each): ChannelFacts => {
        const ref = { app, channel: each.channel };
        const leftAtMs = this.#vacancies.before(ref, each.atMs);
        return { ...channelFacts(hub, ref), leftAtMs, delivery: deliveryOf(deliveries, app, each) };
      }),
    };
  }

  #published(app: string, atMs: number): void {
    this.#publishedAtMs.delete(app);
    this.#publishedAtMs.set(app, atMs);
    if (this.#publishedAtMs.size <= MOST_APPS) return;
    const [oldest = ''] = this.#publishedAtMs.keys();
    this.#publishedAtMs.delete(oldest);
  }

  /** `undefined` as app: of any. */
  #publishedOf(app: string | undefined): number | undefined {
    return app === undefined ? [...this.#publishedAtMs.values()].at(-1) : this.#publishedAtMs.get(app);
  }
}

/** SPEC 16.3: the first one after the request; if there is none, one that the difference of the clocks put before it. */
function deliveryOf(
  deliveries: DeliveryRing,
  app: string,
  { channel, fingerprint, atMs, untilMs }: WantedDelivery,
): DeliveryFacts | undefined {
  let before: DeliveryFacts | undefined;
  let after: DeliveryFacts | undefined;
  for (const each of deliveries.of({ app, channel })) {
    if (each.fingerprint !== fingerprint || each.atMs >= untilMs) continue;
    if (each.atMs >= atMs - ROUNDING_MS) after = each;
    else if (each.atMs >= atMs - CLOCKS_MS) before ??= each;
    else break;
  }
  return after ?? before;
}
