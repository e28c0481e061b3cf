import type { Position } from '#protocol';
import type { ChannelRef } from '../../../core/ports/channel-ref.ts';
import type { ChannelKeys } from '../keys.ts';
import type { EventsMessage, MemberMessage } from './message-codec.ts';
import type { MessagePosition } from './position.ts';

export interface QueuedMessage {
  readonly message: EventsMessage | MemberMessage;
  /** True when the history was read after the message arrived: if it does not continue the channel then, it never will. */
  isAfterRead: boolean;
}

/** State of one channel that this node receives. */
export interface ReceivedChannel {
  readonly ref: ChannelRef;
  readonly keys: ChannelKeys;
  /** True once the history was read: everything in it from then on concerns this node. */
  hasBegun: boolean;
  position: Position | undefined;
  /** Messages that wait while missed events are read; `undefined` when none are being read. */
  queue: QueuedMessage[] | undefined;
  reading: Promise<void>;
  /** Time from which on events may be missing; `undefined`: none are. */
  missingSinceMs: number | undefined;
}

export const newChannel = (ref: ChannelRef, keys: ChannelKeys): ReceivedChannel => ({
  ref,
  keys,
  hasBegun: false,
  position: undefined,
  queue: [],
  reading: Promise.resolve(),
  missingSinceMs: undefined,
});

export const eventsIn = (queue: readonly QueuedMessage[]): EventsMessage[] =>
  queue.flatMap(({ message }) => (message.kind === 'events' ? [message] : []));

export const positionsIn = (queue: readonly QueuedMessage[]): MessagePosition[] =>
  eventsIn(queue).flatMap(({ position }) => position ?? []);
