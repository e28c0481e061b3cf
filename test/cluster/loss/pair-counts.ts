import type { TestNode } from '../../support/cluster.ts';

export type PairCounts = Record<'received' | 'lost' | 'doubled' | 'late', number>;

/** The loss meter's part of `GET /admin/metrics`. */
export interface MeterMetrics {
  /** Names of this node, or of all workers that serve its port. */
  readonly nodes: readonly string[];
  /** By the name of the sending node. */
  readonly pairs: ReadonlyMap<string, PairCounts>;
}

/** Reads the loss meter in Prometheus' text. */
export function meterIn(text: string): MeterMetrics {
  const pairs = new Map<string, PairCounts>();
  for (const [, count = '', from = '', value] of text.matchAll(
    /^wavehall_node_messages_(\w+)_total\{from="([^"]+)"\} (\d+)$/gm,
  ))
    pairs.set(from, { ...(pairs.get(from) ?? zero()), [count]: Number(value) });
  const nodes = [...text.matchAll(/^wavehall_node_info\{node="([^"]+)"\} 1$/gm)].map(([, name = '']) => name);
  return { nodes: nodes.sort(), pairs };
}

/** Counts of a node for one other node; zeros while it has received nothing from it. */
export async function countsOf(node: TestNode, from: string): Promise<PairCounts> {
  return meterIn(await node.metrics()).pairs.get(from) ?? zero();
}

export async function nameOf(node: TestNode): Promise<string> {
  const [name] = meterIn(await node.metrics()).nodes;
  if (name === undefined) throw new Error(`node ${node.index} has no name`);
  return name;
}

const zero = (): PairCounts => ({ received: 0, lost: 0, doubled: 0, late: 0 });
