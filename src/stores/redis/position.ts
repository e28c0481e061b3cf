import type { EventsMessage } from './bus.ts';

/** How far this node has delivered a channel. */
export interface Position {
  readonly epoch: string;
  readonly generation: string;
  readonly offset: number;
}

/** `true` also for what is known already, in part or whole. */
export function follows(known: Position | undefined, at: NonNullable<EventsMessage['position']>): boolean {
  if (known === undefined) return at.first === 1;
  return known.epoch === at.epoch && known.generation === at.generation && at.first <= known.offset + 1;
}
