/** Independent reasons not to read from a socket, as bits: reading goes on when none is left. */
export const STOP_READING = {
  /** Messages of the client wait for an earlier one. */
  queueFull: 1,
  /** The client does not read fast enough. */
  outboundFull: 2,
  /** The client exceeds its message rate. */
  tooManyMessages: 4,
} as const;

export type StopReason = (typeof STOP_READING)[keyof typeof STOP_READING];
