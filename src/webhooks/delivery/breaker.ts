import CircuitBreaker from 'opossum';
import type { Message, SendResult, Sink } from '../sink.ts';
import type { WebhookSettings } from '../settings.ts';

const WINDOW_MS = 30_000;
const FAILED_PERCENT = 50;

class Failed extends Error {
  readonly result: SendResult;

  constructor(result: SendResult) {
    super('The attempt failed');
    this.result = result;
  }
}

interface BreakerEvents {
  /** An attempt has ended; what follows from it comes after this. */
  readonly attempted: (result: SendResult) => void;
  /** The endpoint begins to fail. */
  readonly failing: () => void;
  /** It delivers again. */
  readonly well: () => void;
  /** A probe may be sent. */
  readonly probe: () => void;
}

/** Circuit breaker of one endpoint: while more than half of its attempts fail, only a probe is sent from time to time. */
export class Breaker {
  readonly #circuit: CircuitBreaker<[Message], SendResult>;
  #isFailing = false;

  constructor(sink: Sink, settings: WebhookSettings, events: BreakerEvents) {
    const { probeEveryMs, attemptsToOpen } = settings;
    this.#circuit = new CircuitBreaker((message: Message) => attempt(sink, message, events), {
      timeout: false,
      resetTimeout: probeEveryMs,
      volumeThreshold: attemptsToOpen,
      errorThresholdPercentage: FAILED_PERCENT,
      rollingCountTimeout: WINDOW_MS,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
    });
    // A probe that fails opens the circuit again, which is no news.
    this.#circuit.on('open', () => this.#change(true, events.failing));
    this.#circuit.on('close', () => this.#change(false, events.well));
    this.#circuit.on('halfOpen', events.probe);
  }

  get isFailing(): boolean {
    return this.#isFailing;
  }

  /** True when an attempt may be made now; while the endpoint fails, for one at a time. */
  get mayAttempt(): boolean {
    return this.#circuit.closed || this.#circuit.pendingClose;
  }

  /** Sends a message. Never rejects; called only when `mayAttempt`. */
  async send(message: Message): Promise<SendResult> {
    try {
      return await this.#circuit.fire(message);
    } catch (error) {
      if (error instanceof Failed) return error.result;
      throw error;
    }
  }

  close(): void {
    this.#circuit.shutdown();
  }

  #change(isFailing: boolean, notify: () => void): void {
    if (this.#isFailing === isFailing) return;
    this.#isFailing = isFailing;
    notify();
  }
}

async function attempt(sink: Sink, message: Message, { attempted }: BreakerEvents): Promise<SendResult> {
  const result = await sink.send(message);
  attempted(result);
  if (!result.isDelivered) throw new Failed(result);
  return result;
}
