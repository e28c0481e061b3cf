import type { WebSocket } from 'ws';

/** Time that clients' messages may take in one iteration of the event loop. */
const SLICE_MS = 10;

/** Private part of `ws`' receiver: while the flag is false, it emits one message per iteration of the event loop. */
interface WithReceiver {
  readonly _receiver: { _allowSynchronousEvents: boolean };
}

/**
 * Limits the time that clients' messages take in one iteration of the event loop, so that clients which write without a
 * pause do not block everything else. One read may bring 2 MB of one client, tens of thousands of pings: handled at
 * once, those of ten clients would block the process for seconds.
 */
export class TimeSlice {
  #endsAtMs = 0;
  readonly #endSlice = (): void => void (this.#endsAtMs = 0);

  /** Called after each message: once the slice is used up, the client's next message is handled in the next iteration (SPEC 2.12). */
  afterMessage(socket: WebSocket): void {
    (socket as unknown as WithReceiver)._receiver._allowSynchronousEvents = !this.isOver();
  }

  /** True once the messages of this iteration of the event loop have taken their time: the next one has to wait for a later iteration. */
  isOver(): boolean {
    const nowMs = performance.now();
    if (this.#endsAtMs === 0) {
      this.#endsAtMs = nowMs + SLICE_MS;
      setImmediate(this.#endSlice);
    }
    return nowMs >= this.#endsAtMs;
  }
}
