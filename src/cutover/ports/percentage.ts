/** State of the split that all nodes share (SPEC 11.4). */
export interface PercentageState {
  /** Share for Wavehall, 0 to 100, at most two decimals. */
  readonly percent: number;
  /** The latest percentage that held without a breach. */
  readonly lastGood: number;
  readonly changedAtMs: number;
  readonly changedBy: string;
  /** True when sockets on the wrong side after the change were asked to reconnect. */
  readonly move: boolean;
}

export interface Percentage {
  readonly percent: number;
  readonly lastGood: number;
  readonly state: PercentageState;
  /** False while the last change is not shared with other nodes and the next start. */
  readonly isShared: boolean;
  /**
   * Counts on this node at once and on the others within about a second; resolves when it is shared or could not be.
   * With `move`, sockets whose side changes are asked to reconnect. Throws a `RangeError` for an invalid percentage.
   */
  set(percent: number, by: string, move?: boolean): Promise<void>;
  /** Writes `lastGood`, which `set` does not change. */
  markGood(percent: number): Promise<void>;
  /** Calls the listener after every change, on this node or another. */
  onChange(listener: (percent: number, move: boolean) => void): void;
}
