/** Kind of a receiving request: a poll takes what there is and ends. */
export type ReceiverKind = 'xhr_streaming' | 'xhr_polling';

/** A response that takes the lines of a session, on this node or on another one. No member throws. */
export interface Receiver {
  readonly kind: ReceiverKind;
  /** Tells its request from all others of the client, but not from the same one that a browser sends again (see `markIn`). */
  readonly mark?: string | undefined;
  /** Bytes that were written and that the network has not taken. */
  readonly bufferedBytes: number;
  /** Bytes that the network has taken. */
  readonly flushedBytes: number;
  write(lines: Buffer): void;
  /** Calls back once, when the network has taken everything that was written before, or the response is gone. */
  whenFlushed(done: () => void): void;
  /** Ends the response after everything that was written before. */
  end(): void;
  /** Ends it at once. */
  destroy(): void;
}

/** How a response came to its end: with all of its bytes taken, or with some of them lost. */
export type ReceiverEnd = 'whole' | 'lossy';
