import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import { connect } from './client.ts';

/** Channels of one SUBSCRIBE command. */
const CHANNELS_PER_COMMAND = 512;

export interface SubscriberEvents {
  message: [channel: string, bytes: Buffer];
  /** Connected again: all subscriptions have to be made anew. */
  up: [];
  down: [];
  problem: [error: Error];
}

/** Subscribes to pub/sub channels. All subscriptions are lost when the connection goes down. */
export interface Subscriber {
  readonly events: EventEmitter<SubscriberEvents>;
  readonly isUp: boolean;
  connect(): Promise<void>;
  /** Resolves when all are subscribed; rejects when that is unknown. */
  subscribe(channels: readonly string[]): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** Replaces the connections by new ones. */
  reopen(): void;
  close(): void;
}

/** Subscribes at one server. */
export class PlainSubscriber implements Subscriber {
  readonly events = new EventEmitter<SubscriberEvents>();
  readonly #client: Redis;

  constructor(client: Redis) {
    this.#client = client;
    client.on('messageBuffer', (channel: Buffer, bytes: Buffer) =>
      this.events.emit('message', channel.toString(), bytes),
    );
    client.on('ready', () => this.events.emit('up'));
    client.on('close', () => this.events.emit('down'));
    client.on('error', (error: Error) => this.events.emit('problem', error));
  }

  get isUp(): boolean {
    return this.#client.status === 'ready';
  }

  connect(): Promise<void> {
    return connect(this.#client);
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    for (const some of inSubscribeBatches(channels)) await this.#client.subscribe(...some);
  }

  async unsubscribe(channel: string): Promise<void> {
    await this.#client.unsubscribe(channel);
  }

  reopen(): void {
    this.#client.disconnect(true);
  }

  close(): void {
    this.#client.disconnect();
  }
}

/** Splits channels into commands of a size at which Redis and the event loop stay responsive. */
export function inSubscribeBatches(channels: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(channels.length / CHANNELS_PER_COMMAND) }, (_, at) =>
    channels.slice(at * CHANNELS_PER_COMMAND, (at + 1) * CHANNELS_PER_COMMAND),
  );
}
