/** One frame from a server of the protocol. Nothing in it is trusted. */
export interface ServerFrame {
  readonly event: string;
  /** The value of `data`. Its numbers are rounded: what is passed on is `dataJson`. */
  readonly data: unknown;
  /** `data` as it was written; `undefined` when it is nested too deep to be read. */
  readonly dataJson: string | undefined;
  readonly channel: string | undefined;
  readonly userId: string | undefined;
  /** The whole frame as it was written. */
  readonly text: string;
}

/** Frames of the server itself, as against events that were published. */
export const isInternal = (event: string): boolean =>
  event.startsWith('pusher:') || event.startsWith('pusher_internal:');
