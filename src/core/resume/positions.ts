import { encode, isSameHistory, type Position } from '#protocol';
import type { FrameEncoder } from '../ports/transport.ts';

const withPositions = new WeakMap<FrameEncoder, FrameEncoder>();

/** SPEC 13.7: the encoder for clients of this transport that ask for positions; one object for all of them, so that they share bytes. */
export function encoderWithPositions(encoder: FrameEncoder): FrameEncoder {
  let made = withPositions.get(encoder);
  if (made === undefined) {
    made = {
      positions: true,
      encode: (payload) => encoder.encode(payload),
      payloads: (bytes) => encoder.payloads(bytes),
    };
    withPositions.set(encoder, made);
  }
  return made;
}

interface PositionedEvent {
  readonly payload: string;
  readonly position?: Position | undefined;
}

/** SPEC 13.7: the frame of an event for sockets with this encoder. */
export const payloadFor = ({ payload, position }: PositionedEvent, { positions }: FrameEncoder): string =>
  positions === true && position !== undefined ? encode.withPosition(payload, position) : payload;

/** The later one of two positions of one subscription, where `newer` was noted after `older`. */
export const laterOf = (older: Position | undefined, newer: Position | undefined): Position | undefined =>
  newer === undefined || (older !== undefined && isSameHistory(older, newer) && older.offset > newer.offset)
    ? older
    : newer;

/** True when the store may have lost writes between a position and a later one of the same history: offsets may have been used again. */
export const isOfOlderGeneration = (one: Position, other: Position): boolean =>
  one.epoch === other.epoch && Number(one.generation) < Number(other.generation);

/** Position up to which a subscriber has the events. */
export interface SentPosition extends Position {
  /** By what the client says, where the history could not be read: it may be one that no node ever reaches. */
  readonly isClaimed?: true;
}

/** True when an event is not among those of its history up to a position; one that the store has lost since is not after it. */
export const isAfter = (
  { position }: { readonly position?: Position | undefined },
  upTo: SentPosition,
): boolean => {
  if (position === undefined || position.epoch !== upTo.epoch) return true;
  if (isSameHistory(position, upTo)) return position.offset > upTo.offset;
  return upTo.isClaimed === true || isOfOlderGeneration(upTo, position);
};

export const isSamePosition = (one: Position, other: Position): boolean =>
  one.offset === other.offset && isSameHistory(one, other);
