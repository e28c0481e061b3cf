import type { WebSocket } from 'ws';

/** Time that one turn of the event loop may spend on messages of clients before others have theirs. */
const TURN_MS = 10;

/** The library's receiver: while the flag is false, it gives one message for each turn of the event loop. */
interface Receiving {
  readonly _receiver: { _allowSynchronousEvents: boolean };
}

/**
 * Shares the event loop between clients that write without a pause and everything else. The network gives up to 2 MB of one client at
 * once, tens of thousands of pings: served in one go, those of ten clients would keep all others waiting for seconds.
 */
export class TimeSlice {
  #endsAtMs = 0;
  readonly #endTurn = (): void => void (this.#endsAtMs = 0);

  /** Called after each message: when the turn has lasted too long, the next one of this client is served in another turn (SPEC 2.12). */
  afterMessage(socket: WebSocket): void {
    (socket as unknown as Receiving)._receiver._allowSynchronousEvents = !this.#isOver();
  }

  #isOver(): boolean {
    const nowMs = performance.now();
    if (this.#endsAtMs === 0) {
      this.#endsAtMs = nowMs + TURN_MS;
      setImmediate(this.#endTurn);
    }
    return nowMs >= this.#endsAtMs;
  }
}
