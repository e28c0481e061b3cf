import type { LossMeter, LossReport } from '../../../../core/ports/nodes/loss-meter.ts';
import type { Keys } from '../../keys.ts';
import type { Links } from '../../link/links.ts';
import type { InvalidData } from '../invalid-data.ts';
import { decodeNumbered, encodeNumbered, type NumberedMessage } from './numbered-message.ts';
import { OwnNumbers } from './own-numbers.ts';
import { Senders } from './senders.ts';

/** Time between two messages of a node. */
const INTERVAL_MS = 1000;

interface RedisLossMeterDeps {
  readonly links: Links;
  readonly keys: Keys;
  readonly invalidData: InvalidData;
}

/**
 * Sends a numbered message a second over the connections and servers that events take, and counts those of all other nodes.
 * In a Cluster each message goes through the next partition, so that every server is measured at the same cost.
 */
export class RedisLossMeter implements LossMeter {
  readonly #links: Links;
  readonly #keys: Keys;
  readonly #invalidData: InvalidData;
  /** One channel for each server that may carry events. */
  readonly #channels: readonly string[];
  readonly #channelSet: ReadonlySet<string>;
  readonly #own = new OwnNumbers();
  readonly #senders = new Senders();
  #onLag: (seconds: number) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #isListening = false;
  #isSending = false;
  #sent = 0;

  constructor({ links, keys, invalidData }: RedisLossMeterDeps) {
    this.#links = links;
    this.#keys = keys;
    this.#invalidData = invalidData;
    const count = links.publishCommand === 'SPUBLISH' ? keys.partitions : 1;
    this.#channels = Array.from({ length: count }, (_, partition) => keys.lossMeter(partition));
    this.#channelSet = new Set(this.#channels);
    links.subscriber.events.on('message', (channel, bytes) => {
      if (this.#channelSet.has(channel)) this.#onMessage(channel, bytes);
    });
    links.subscriber.events.on('down', () => (this.#isListening = false));
    links.subscriber.events.on('up', () => void this.#listen());
  }

  /** Called when the connections are up. */
  start(): void {
    this.#timer = setInterval(() => this.#tick(), INTERVAL_MS);
    void this.#listen();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  onLag(listener: (seconds: number) => void): void {
    this.#onLag = listener;
  }

  report(): LossReport {
    return { node: this.#own.name, pairs: this.#senders.pairs(performance.now()) };
  }

  #tick(): void {
    this.#senders.tick(performance.now(), this.#isListening);
    if (!this.#isListening && this.#links.subscriber.isUp) void this.#listen();
    if (!this.#isSending && this.#links.isUp) void this.#send();
  }

  /** Never rejects: the next tick tries again. */
  async #listen(): Promise<void> {
    if (this.#timer === undefined) return;
    const subscribed = this.#links.subscriber.subscribe(this.#channels);
    this.#isListening = await subscribed.then(
      () => this.#links.subscriber.isUp,
      () => false,
    );
  }

  /** Never rejects. A message that Redis does not confirm keeps its number for the next attempt. */
  async #send(): Promise<void> {
    this.#isSending = true;
    this.#sent += 1;
    const message = this.#own.next(this.#keys.scopeOf(''), performance.now());
    const channel = this.#channels[this.#sent % this.#channels.length] ?? '';
    await this.#links.publish(channel, encodeNumbered(message)).then(
      () => this.#own.confirm(message),
      () => undefined,
    );
    this.#isSending = false;
  }

  #onMessage(channel: string, bytes: Buffer): void {
    const message = decodeNumbered(bytes);
    if (message === undefined) return this.#invalidData.addMessage(channel);
    if (message.scope !== this.#keys.scopeOf('')) return;
    const nowMs = performance.now();
    if (message.from === this.#own.name) return this.#onOwn(message, nowMs);
    if (!this.#senders.receive(message, nowMs)) this.#invalidData.addMessage(channel);
  }

  #onOwn(message: NumberedMessage, nowMs: number): void {
    const lagMs = this.#own.lagMs(message, nowMs);
    if (lagMs !== undefined) this.#onLag(lagMs / 1000);
  }
}
