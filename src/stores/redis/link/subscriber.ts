import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import { connect } from './client.ts';

/** Channels that are subscribed to with one command. */
const AT_A_TIME = 512;

export interface SubscriberEvents {
  message: [channel: string, bytes: Buffer];
  /** It hears again: everything has to be subscribed to anew. */
  up: [];
  down: [];
  problem: [error: Error];
}

/** What listens to channels of the bus. It forgets what it was subscribed to when it goes down. */
export interface Subscriber {
  readonly events: EventEmitter<SubscriberEvents>;
  readonly isUp: boolean;
  connect(): Promise<void>;
  /** Resolves when all are subscribed to; rejects when that is not known. */
  subscribe(channels: readonly string[]): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** Gives the connections up for new ones. */
  reopen(): void;
  close(): void;
}

/** Listens to one server. */
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
    for (const some of batches(channels)) await this.#client.subscribe(...some);
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

/** At most so many at a time that Redis and the event loop can breathe. */
export function batches(channels: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(channels.length / AT_A_TIME) }, (_, at) =>
    channels.slice(at * AT_A_TIME, (at + 1) * AT_A_TIME),
  );
}
