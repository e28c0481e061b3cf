import { hash } from 'node:crypto';
import { bytesOf, type Forward } from './batch.ts';
import { OrderedQueue, type OrderedQueueDeps } from './ordered-queue.ts';

export type ForwarderDeps = Omit<OrderedQueueDeps, 'settled' | 'failing'>;

export interface QueueState {
  readonly events: number;
  readonly bytes: number;
  readonly oldestMs: number;
}

/** SPEC 11.7: the bounded queue of events on their way to the upstream's HTTP API. */
export class Forwarder {
  readonly #deps: ForwarderDeps;
  readonly #queues: OrderedQueue[];
  readonly #pending = new Map<Forward, () => void>();
  #bytes = 0;
  #isFailing = false;

  constructor(deps: ForwarderDeps) {
    this.#deps = deps;
    const queue = { ...deps, settled: this.#settled.bind(this), failing: this.#setFailing.bind(this) };
    this.#queues = Array.from({ length: deps.limits.parallelRequests }, () => new OrderedQueue(queue));
  }

  get queue(): QueueState {
    const [first] = this.#pending.keys();
    const oldestMs = first === undefined ? 0 : Date.now() - first.atMs;
    return { events: this.#pending.size, bytes: this.#bytes, oldestMs };
  }

  /** True after a failed request: publishers do not wait for the upstream then. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  /** Resolves when the upstream has taken the event, or it was given up. Never rejects. */
  forward(event: Pick<Forward, 'channel' | 'name' | 'data' | 'except'>): Promise<void> {
    const { limits, counters } = this.#deps;
    const forward: Forward = { ...event, bytes: bytesOf(event), atMs: Date.now(), alone: false, cut: 0 };
    if (this.#pending.size >= limits.queueEvents || this.#bytes + forward.bytes > limits.queueBytes) {
      counters.drop('queue-full');
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#pending.set(forward, resolve);
      this.#bytes += forward.bytes;
      this.#queueOf(event.channel).push(forward);
    });
  }

  retryNow(): void {
    for (const queue of this.#queues) queue.retryNow();
  }

  stop(): void {
    for (const queue of this.#queues) queue.stop();
  }

  /** Always the same queue for a channel, so that its order is kept. */
  #queueOf(channel: string): OrderedQueue {
    const number = parseInt(hash('md5', channel, 'hex').slice(0, 8), 16);
    return this.#queues[number % this.#queues.length] as OrderedQueue;
  }

  #settled(forward: Forward): void {
    this.#bytes -= forward.bytes;
    this.#pending.get(forward)?.();
    this.#pending.delete(forward);
  }

  #setFailing(isFailing: boolean): void {
    this.#isFailing = isFailing;
  }
}
