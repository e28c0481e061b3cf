/** Counts of another node's numbered messages that this node received, since the first one. */
export interface NodePair {
  /** Name of the sending node; `other` sums the nodes beyond the named ones. */
  readonly from: string;
  /** Different numbers that arrived. */
  readonly received: number;
  /** Numbers that did not arrive in time, although Redis had accepted them. */
  readonly lost: number;
  /** Messages that arrived once more. */
  readonly doubled: number;
  /** Messages that arrived after one with a higher number, or more slowly than others. */
  readonly late: number;
  /** Seconds since the last message arrived. */
  readonly lastSeconds: number;
}

export interface LossReport {
  /** Name of this node, as the other nodes report it in `from`. */
  readonly node: string;
  readonly pairs: readonly NodePair[];
}

/** Measures the way that events take from one node to another, with messages that no client receives (SPEC 12.1). */
export interface LossMeter {
  report(): LossReport;
  /** Calls `listener` with the seconds that each of this node's own messages took to Redis and back, by one clock. */
  onLag(listener: (seconds: number) => void): void;
}
