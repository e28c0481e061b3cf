import type { EventsMessage } from './bus.ts';

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

const isOfSameData = (known: Position, at: Place): boolean =>
  known.epoch === at.epoch && known.generation === at.generation;
