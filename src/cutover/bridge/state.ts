import type { BridgeState } from '../ports.ts';

/** Why something was not carried across; every one of them is counted (SPEC 11.7). */
export type DropReason =
  | 'queue-full'
  | 'too-old'
  | 'refused'
  /** No answer in time, and no echo that would tell: to say it again could double it. */
  | 'unanswered'
  | 'not-bridged'
  | 'too-large'
  | 'too-many-connections'
  | 'too-many-members'
  | 'too-many-echoes'
  | 'stopped';

type Present = Pick<
  BridgeState,
  'app' | 'connected' | 'channels' | 'members' | 'connections' | 'queue' | 'lagMs'
>;

/** The figures of one app, as they are counted (SPEC 11.13). */
export class BridgeCounters {
  forwarded = 0;
  received = 0;
  whispersSent = 0;
  whispersReceived = 0;
  echoesDropped = 0;
  gaps = 0;
  gapMs = 0;
  lastError: string | undefined;
  readonly dropped: Record<string, number> = {};

  drop(reason: DropReason, count = 1): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + count;
  }

  gap(ms: number): void {
    this.gaps += 1;
    this.gapMs += ms;
  }

  error(text: string): void {
    this.lastError = text.slice(0, 200);
  }

  /** Together with what the bridge is doing at the moment. */
  with(present: Present): BridgeState {
    return {
      ...present,
      forwarded: this.forwarded,
      received: this.received,
      whispersSent: this.whispersSent,
      whispersReceived: this.whispersReceived,
      echoesDropped: this.echoesDropped,
      dropped: { ...this.dropped },
      gaps: this.gaps,
      gapMs: this.gapMs,
      lastError: this.lastError,
    };
  }
}
