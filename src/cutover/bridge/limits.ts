/** Every bound of the bridge, by name (SPEC 11.6 to 11.13). Times are milliseconds. */
export interface BridgeLimits {
  /** Longest time that a client's subscription waits for the upstream to confirm the bridge's. */
  readonly subscribeWaitMs: number;
  /** Longest time that a publisher's answer waits for the upstream to take the event. */
  readonly publishWaitMs: number;
  /** Most events and bytes that wait to be forwarded, per app. */
  readonly queueEvents: number;
  readonly queueBytes: number;
  /** Age at which an event that could not be forwarded is dropped. */
  readonly queueAgeMs: number;
  /** Most in one request: Reverb refuses requests above 10,000 bytes, most other servers batches above 10 events. */
  readonly batchEvents: number;
  readonly batchBytes: number;
  /** Requests under way at once. A channel is always forwarded by the same queue: its order is kept. */
  readonly parallelRequests: number;
  readonly requestTimeoutMs: number;
  readonly retryFirstMs: number;
  readonly retryMostMs: number;
  /** Longest message on a connection: Reverb closes connections that send a longer one. */
  readonly messageBytes: number;
  readonly reconnectFirstMs: number;
  readonly reconnectMostMs: number;
  readonly handshakeMs: number;
  /** Interval of pings on a silent connection, and how long a pong may take before it is closed. */
  readonly pingMs: number;
  readonly pongMs: number;
  /** How long the upstream's members are kept while it cannot be reached. */
  readonly graceMs: number;
  /** Longest time between the answer to a request and its echo, when the upstream has several nodes. */
  readonly settleMs: number;
  readonly echoes: number;
  /** Most connections for members, per app, and most that are being opened at once. */
  readonly connections: number;
  readonly connecting: number;
  /** How long a connection without members is kept. */
  readonly idleMs: number;
  /** Most members of one channel at the upstream that are listed. */
  readonly members: number;
  /** How long the listener of a presence channel stays, after its member has left, for a successor. */
  readonly successorWaitMs: number;
  /** Most rounds of pings in which a hand-over looks for the offset between two connections. */
  readonly handOverRounds: number;
  /** Most frames that wait for notes of other nodes, and how long. */
  readonly heldFrames: number;
  readonly noteWaitMs: number;
  /** Most client events of one channel that wait for a hand-over. */
  readonly pendingClientEvents: number;
}

export const BRIDGE_LIMITS: BridgeLimits = {
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
