import { hash } from 'node:crypto';
import { bytesOf, type Forward } from './batch.ts';
import { OrderedQueue, type OrderedQueueNeeds } from './ordered-queue.ts';

export type ForwarderNeeds = Omit<OrderedQueueNeeds, 'left' | 'away'>;

/** SPEC 11.7: the bounded queue of events that are on their way to the other side's HTTP API. */
export class Forwarder {
  readonly #needs: ForwarderNeeds;
  readonly #lanes: OrderedQueue[];
  readonly #leaving = new Map<Forward, () => void>();
  #bytes = 0;
  #isAway = false;

  constructor(needs: ForwarderNeeds) {
    this.#needs = needs;
    const lane = { ...needs, left: this.#left.bind(this), away: this.#away.bind(this) };
    this.#lanes = Array.from({ length: needs.limits.lanes }, () => new OrderedQueue(lane));
  }

  get queue(): { readonly events: number; readonly bytes: number; readonly oldestMs: number } {
    const [first] = this.#leaving.keys();
    const oldestMs = first === undefined ? 0 : Date.now() - first.atMs;
    return { events: this.#leaving.size, bytes: this.#bytes, oldestMs };
  }

  /** The last request failed; publishers do not wait. */
  get isAway(): boolean {
    return this.#isAway;
  }

  /** Resolves when the other side has taken the event, or it was given up; never rejects. */
  forward(event: Pick<Forward, 'channel' | 'name' | 'data' | 'except'>): Promise<void> {
    const { limits, figures } = this.#needs;
    const forward: Forward = { ...event, bytes: bytesOf(event), atMs: Date.now(), alone: false, cut: 0 };
    if (this.#leaving.size >= limits.queueEvents || this.#bytes + forward.bytes > limits.queueBytes) {
      figures.drop('queue-full');
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#leaving.set(forward, resolve);
      this.#bytes += forward.bytes;
      this.#laneOf(event.channel).push(forward);
    });
  }

  hasten(): void {
    for (const lane of this.#lanes) lane.hasten();
  }

  stop(): void {
    for (const lane of this.#lanes) lane.stop();
  }

  #laneOf(channel: string): OrderedQueue {
    const number = parseInt(hash('md5', channel, 'hex').slice(0, 8), 16);
    return this.#lanes[number % this.#lanes.length] as OrderedQueue;
  }

  #left(forward: Forward): void {
    this.#bytes -= forward.bytes;
    this.#leaving.get(forward)?.();
    this.#leaving.delete(forward);
  }

  #away(isAway: boolean): void {
    this.#isAway = isAway;
  }
}
