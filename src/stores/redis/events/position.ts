import type { EventsMessage } from './message-codec.ts';

/** How far this node has delivered a channel. */
export interface Position {
  readonly epoch: string;
  readonly generation: string;
  readonly offset: number;
}

/** Where the events of one message stand in their channel. */
export type Place = NonNullable<EventsMessage['position']>;

/** `true` also for what is known already, in part or whole. */
export function follows(known: Position | undefined, at: Place): boolean {
  if (known === undefined) return at.first === 1;
  return isOfSameData(known, at) && at.first <= known.offset + 1;
}

/**
 * Where a channel begins for a node that is new to it: where Redis says that it is, or before the first of the events that
 * were heard until Redis said so. They came after the subscription, so they count.
 */
export function beginning(said: Position, heard: readonly Place[]): Position {
  const firsts = heard.filter((place) => isOfSameData(said, place)).map(({ first }) => first - 1);
  return { ...said, offset: Math.min(said.offset, ...firsts) };
}

/**
 * Where a channel goes on that was at `known` and of which nothing can be read: as where it begins, but behind what was
 * delivered; before the first event that was heard where Redis does not even say where it stands.
 */
export function afterGap(
  known: Position | undefined,
  said: Position | undefined,
  heard: readonly Place[],
): { readonly position: Position | undefined; readonly skipped: number } {
  const [first] = heard;
  const newest = said === undefined ? first && { ...first, offset: first.first - 1 } : beginning(said, heard);
  if (known === undefined || newest === undefined || !isOfSameData(known, newest))
    return { position: newest, skipped: 0 };
  const skipped = Math.max(0, newest.offset - known.offset);
  return { position: { ...newest, offset: known.offset + skipped }, skipped };
}

type Data = Pick<Position, 'epoch' | 'generation'>;

export const isOfSameData = (known: Data, at: Data): boolean =>
  known.epoch === at.epoch && known.generation === at.generation;
