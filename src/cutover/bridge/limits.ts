/** Every bound of the bridge, by name (SPEC 11.6 to 11.13). Times are milliseconds. */
export interface BridgeLimits {
  /** A client's subscription waits this long for the other side to confirm ours. */
  readonly subscribeWaitMs: number;
  /** A publisher's answer waits this long for the other side to take the event. */
  readonly publishWaitMs: number;
  /** What may wait to be forwarded, for one app. */
  readonly queueEvents: number;
  readonly queueBytes: number;
  /** An event that could not be forwarded by then is given up. */
  readonly queueAgeMs: number;
  /** One request carries so much: Reverb refuses requests above 10,000 bytes, most others batches above ten. */
  readonly batchEvents: number;
  readonly batchBytes: number;
  /** Requests under way at once. A channel is always forwarded by the same queue: its order is kept. */
  readonly parallelRequests: number;
  readonly requestTimeoutMs: number;
  readonly retryFirstMs: number;
  readonly retryMostMs: number;
  /** Reverb ends connections that send more in one message. */
  readonly messageBytes: number;
  readonly reconnectFirstMs: number;
  readonly reconnectMostMs: number;
  readonly handshakeMs: number;
  /** A connection is asked for a sign of life this often, and ended when it does not answer. */
  readonly pingMs: number;
  readonly pongMs: number;
  /** How long the other side's members are kept while it is away. */
  readonly graceMs: number;
  /** An echo that certainly comes may take this long after the answer (a scaled other side). */
  readonly settleMs: number;
  readonly echoes: number;
  /** Connections for members, for one app; connections opened at once. */
  readonly connections: number;
  readonly connecting: number;
  /** An unused connection is kept this long. */
  readonly idleMs: number;
  /** Members of one channel of the other side that are shown. */
  readonly members: number;
  /** Who is heard on a presence channel and leaves stays there this long for somebody who could be heard instead. */
  readonly successorWaitMs: number;
  /** Rounds of answers in which a hand-over looks for the place where one connection goes on for another. */
  readonly handOverRounds: number;
  /** Frames that wait for what other nodes may have noted, and how long. */
  readonly heldFrames: number;
  readonly noteWaitMs: number;
  /** Whispers of one channel that wait for a hand-over. */
  readonly pendingClientEvents: number;
}

export const LIMITS: BridgeLimits = {
  subscribeWaitMs: 1000,
  publishWaitMs: 250,
  queueEvents: 10_000,
  queueBytes: 16 * 1024 * 1024,
  queueAgeMs: 30_000,
  batchEvents: 10,
  batchBytes: 9000,
  parallelRequests: 4,
  requestTimeoutMs: 10_000,
  retryFirstMs: 100,
  retryMostMs: 2000,
  messageBytes: 10_000,
  reconnectFirstMs: 1000,
  reconnectMostMs: 10_000,
  handshakeMs: 5000,
  pingMs: 5000,
  pongMs: 10_000,
  graceMs: 5000,
  settleMs: 3000,
  echoes: 100_000,
  connections: 2000,
  connecting: 50,
  idleMs: 10_000,
  members: 10_000,
  successorWaitMs: 10_000,
  handOverRounds: 50,
  heldFrames: 10_000,
  noteWaitMs: 1000,
  pendingClientEvents: 100,
};
