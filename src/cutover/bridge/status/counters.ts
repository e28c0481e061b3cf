import { type BridgeCounterName, type BridgeCounts, bridgeCounts } from '../../status/bridge-counters.ts';

/** Why something was not carried across; each is counted (SPEC 11.7). */
export type DropReason =
  | 'queue-full'
  | 'too-old'
  | 'refused'
  /** No answer in time, and no echo as proof: sending it again could double it. */
  | 'unanswered'
  | 'not-bridged'
  | 'too-large'
  | 'too-many-connections'
  | 'too-many-members'
  | 'too-many-echoes'
  | 'stopped';

export interface BridgeTotals extends Readonly<BridgeCounts> {
  readonly dropped: Readonly<Record<string, number>>;
  readonly lastError: string | undefined;
}

/** Counters of one app's bridge (SPEC 11.13). */
export class BridgeCounters {
  readonly counts = bridgeCounts(() => 0);
  readonly dropped: Record<string, number> = {};
  lastError: string | undefined;

  add(name: BridgeCounterName, count = 1): void {
    this.counts[name] += count;
  }

  drop(reason: DropReason, count = 1): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + count;
  }

  /** Adds a period in which the upstream was not listened to. */
  gap(ms: number): void {
    this.add('gaps');
    this.add('gapMs', ms);
  }

  error(text: string): void {
    this.lastError = text.slice(0, 200);
  }

  /** The counts since the start. */
  get totals(): BridgeTotals {
    return { ...this.counts, dropped: { ...this.dropped }, lastError: this.lastError };
  }
}
