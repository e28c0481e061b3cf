/** Why a node is behind; with zeros and false: it is not. */
export interface NodeLoad {
  /** Delay of its event loop in milliseconds, if it is too long: the lower 99th percentile of the last two seconds. */
  readonly delayMs: number;
  /** Clients that it refused in these two seconds because it is full. */
  readonly refused: number;
  readonly memoryShort: boolean;
}

/** Takes back what a node said before. */
export const CALM: NodeLoad = { delayMs: 0, refused: 0, memoryShort: false };

export const isBehind = ({ delayMs, refused, memoryShort }: NodeLoad): boolean =>
  delayMs > 0 || refused > 0 || memoryShort;

/** Tells the nodes of a cluster which of them are behind (SPEC 12.4). */
export interface ClusterLoad {
  /** Tells the other nodes that this one is behind, or no longer (see `CALM`). Never throws: without Redis nothing is sent. */
  report(load: NodeLoad): void;
  /** Other nodes that are behind now. */
  readonly nodesBehind: number;
}
