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

/** The figures of one app, as they are counted (SPEC 11.13). */
export class Figures {
  forwarded = 0;
  received = 0;
  whispersSent = 0;
  whispersReceived = 0;
  echoesDropped = 0;
  /** Requests that had to be made again. */
  retries = 0;
  /** Hand-overs that had to guess. */
  unsureHandOvers = 0;
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
}

/** What the bridge of one app is doing at the moment. */
export type Present = Pick<
  BridgeState,
  'app' | 'connected' | 'channels' | 'members' | 'connections' | 'queue' | 'lagMs'
>;

export function stateOf(figures: Figures, present: Present): BridgeState {
  const { forwarded, received, whispersSent, whispersReceived, echoesDropped, gaps, gapMs, lastError } =
    figures;
  const counted = {
    forwarded,
    received,
    whispersSent,
    whispersReceived,
    echoesDropped,
    gaps,
    gapMs,
    lastError,
  };
  return { ...present, ...counted, dropped: { ...figures.dropped } };
}
