import type { NodeMessage } from './message.ts';

export const BEAT_MS = 3000;
/** Time after which a request that the other node does not name any more is lost. */
export const LOST_AFTER_MS = 10_000;
/** Requests that one message names. */
const REQUESTS_PER_BEAT = 500;

interface SharedRequest {
  readonly node: string;
  readonly id: string;
  readonly nextNumber: number;
}

/** Messages that name requests to the nodes that share them. */
export function inBeats(
  from: string,
  requests: readonly SharedRequest[],
): (readonly [node: string, beat: NodeMessage])[] {
  const byNode = new Map<string, SharedRequest[]>();
  for (const each of requests) {
    const others = byNode.get(each.node);
    if (others === undefined) byNode.set(each.node, [each]);
    else others.push(each);
  }
  return [...byNode].flatMap(([node, all]) => {
    const parts = Array.from({ length: Math.ceil(all.length / REQUESTS_PER_BEAT) }, (_, part) =>
      all.slice(part * REQUESTS_PER_BEAT, (part + 1) * REQUESTS_PER_BEAT),
    );
    return parts.map((part) => {
      const named = part.map(({ id, nextNumber }) => [id, nextNumber] as const);
      return [node, { type: 'beat', from, requests: named }] as const;
    });
  });
}
