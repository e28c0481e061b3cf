/** Why a node is behind. */
export interface NodeLoad {
  /** Delay of its event loop in milliseconds: the lower of the 99th percentiles of the last two seconds. */
  readonly delayMs: number;
  /** Clients that it refused in these two seconds because it is full. */
  readonly refused: number;
  readonly memoryShort: boolean;
}

/** Tells the nodes of a cluster which of them are behind (SPEC 12.4). */
export interface ClusterLoad {
  /** Tells the other nodes that this one is behind. Never throws: without Redis nothing is sent. */
  report(load: NodeLoad): void;
  /** Other nodes that are behind now. */
  readonly nodesBehind: number;
}
