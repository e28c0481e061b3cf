import type { Side } from '../sides.ts';

/** Failures of this server itself while it serves a client. */
export type Fault = 'connects' | 'subscribes';

/**
 * Receives the reports of front door, bridge, HTTP API and canary. No member may throw. Nothing that a client decides may
 * be judged: neither how often it connects, nor what it sends, nor how it disconnects (SPEC 11.14).
 */
export interface HealthSink {
  /** Records a connect of our own canary. */
  connect(side: Side, ok: boolean, ms: number): void;
  /** Records a subscription of our own canary. */
  subscribe(side: Side, ok: boolean): void;
  /** Records a request to the HTTP API with a valid signature. */
  api(side: Side, ok: boolean): void;
  canary(from: Side, to: Side, ok: boolean, ms: number): void;
  /** Records a fault of this server, at most once a second however many clients meet it. */
  fault(of: Fault): void;
  /** Records a client's connect: shown, never judged. `ok`: it was answered, whenever and however it ended. */
  client(side: Side, ok: boolean, ms: number): void;
}
