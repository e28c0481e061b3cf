import { copiedText } from './copied-text.ts';
import { fingerprintOfMark, markOf } from './fingerprint.ts';
import type { OutcomeFacts, PartFacts, RequestFacts, TraceSource } from './facts.ts';

/** Parts of a request that are told; of all there is the number. */
export const MOST_PARTS = 20;
const MOST_NAME_CHARS = 200;
/** Bytes of a request without its texts, and of a part. */
const REQUEST_BYTES = 400;
const PART_BYTES = 64;

/** An event that a request asks to publish. */
export interface AskedEvent {
  readonly name: string;
  readonly channels: readonly string[];
  readonly except?: string | undefined;
}

/** The sender of a request, as it is kept. */
export interface TracedSender {
  readonly id: string;
  readonly atMs: number;
  readonly app: string;
  readonly key?: string | undefined;
  readonly source: TraceSource;
  readonly address: string;
  readonly agent?: string | undefined;
  readonly socket?: string | undefined;
  readonly bodyBytes: number;
}

interface PublishedPart {
  readonly place: number;
  readonly channel: string;
  readonly mark: string;
  readonly bytes: number;
}

/** Recognises an event in the ring of another request. */
export interface EventMark {
  readonly app: string;
  readonly channel: string;
  readonly fingerprint: string;
}

/** One request to publish (SPEC 16.2), from its receipt to its answer. Holds no data of events beyond short frames. */
export class TracedRequest {
  readonly sender: TracedSender;
  #events: readonly AskedEvent[] = [];
  readonly #published: PublishedPart[] = [];
  #outcome: OutcomeFacts = { status: 0 };
  #tookMs = 0;

  constructor(sender: TracedSender) {
    this.sender = sender;
  }

  get id(): string {
    return this.sender.id;
  }

  get atMs(): number {
    return this.sender.atMs;
  }

  /** Notes the events that it asks to publish. */
  asks(events: readonly AskedEvent[]): void {
    this.#events = events.map(({ name, channels, except }) => ({
      name: name.length > MOST_NAME_CHARS ? copiedText(name, MOST_NAME_CHARS) : name,
      channels,
      except,
    }));
  }

  /** Notes that an event was passed to the broker. */
  published(place: number, channel: string, frame: string): void {
    this.#published.push({ place, channel, mark: markOf(frame), bytes: Buffer.byteLength(frame) });
  }

  ended(outcome: OutcomeFacts, tookMs: number): void {
    this.#outcome = outcome;
    this.#tookMs = Math.max(0, tookMs);
  }

  /** Most bytes that it takes in memory. */
  get bytes(): number {
    const { address, agent = '', socket = '' } = this.sender;
    let chars = address.length + agent.length + socket.length + (this.#outcome.answer?.length ?? 0);
    for (const { name, channels, except = '' } of this.#events) {
      chars += name.length + except.length + PART_BYTES / 2;
      for (const channel of channels) chars += channel.length + 8;
    }
    for (const { mark } of this.#published) chars += mark.length + PART_BYTES / 2;
    return REQUEST_BYTES + 2 * chars;
  }

  isFor(channel: string): boolean {
    return this.#events.some(({ channels }) => channels.includes(channel));
  }

  *channels(): Iterable<string> {
    for (const { channels } of this.#events) yield* channels;
  }

  /** True when it published an equal event to the channel. */
  hasPublished({ app, channel, fingerprint }: EventMark): boolean {
    if (app !== this.sender.app) return false;
    return this.#published.some(
      (part) => part.channel === channel && fingerprintOfMark(part.mark) === fingerprint,
    );
  }

  /** `only`: the parts that are told. `repeatedAt`: when an equal event came after it. */
  facts(
    only: { readonly place?: number | undefined; readonly channel?: string | undefined },
    repeatedAt: (mark: EventMark) => number | undefined,
  ): RequestFacts {
    const isTold = (part: PartFacts): boolean =>
      (only.place === undefined || part.place === only.place) &&
      (only.channel === undefined || part.channel === only.channel);
    const parts = this.#parts().filter(isTold);
    return {
      ...this.sender,
      tookMs: this.#tookMs,
      outcome: this.#outcome,
      parts: parts.slice(0, MOST_PARTS).map((part) => this.#withRepeat(part, repeatedAt)),
      partCount: parts.length,
    };
  }

  #parts(): PartFacts[] {
    return this.#events.flatMap(({ name, channels, except }, place) =>
      channels.map((channel) => {
        const published = this.#published.find((each) => each.place === place && each.channel === channel);
        const fingerprint = published && fingerprintOfMark(published.mark);
        return { place, event: name, channel, except, bytes: published?.bytes, fingerprint };
      }),
    );
  }

  #withRepeat(part: PartFacts, repeatedAt: (mark: EventMark) => number | undefined): PartFacts {
    const { channel, fingerprint } = part;
    if (fingerprint === undefined) return part;
    return { ...part, repeatedAtMs: repeatedAt({ app: this.sender.app, channel, fingerprint }) };
  }
}
