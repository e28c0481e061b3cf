import { Histogram } from '../util/histogram.ts';

/** Time between two measured events: at most 100 a second are. */
const SAMPLE_EVERY_MS = 10;

/** An event whose delivery is measured. */
export interface DeliverySample {
  /** Its frame, by which it is recognised when the broker delivers it. */
  readonly payload: string;
  /** When its request was received, in `performance.now()`. */
  readonly receivedAtMs: number;
}

/**
 * Time from the request of an event until it is written to the last socket of this node, through the broker. A sample of the
 * events is measured, on the node that received the request, if the channel has subscribers there.
 */
export class DeliveryLatency {
  readonly histogram = new Histogram();
  #nextAtMs = 0;

  /** True when the event that was received at this time is to be measured. */
  isDue(receivedAtMs: number): boolean {
    if (receivedAtMs < this.#nextAtMs) return false;
    this.#nextAtMs = receivedAtMs + SAMPLE_EVERY_MS;
    return true;
  }

  delivered(receivedAtMs: number): void {
    this.histogram.observe((performance.now() - receivedAtMs) / 1000);
  }
}
