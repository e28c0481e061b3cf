import type { ChannelEvent, ChannelRef } from '../../core/ports/events.ts';
import { Unavailable } from '../../core/ports/failures.ts';

/** Messages of the process that is replaced. */
export type FromEarlier =
  /** Parts of a store's state. */
  | { readonly type: 'state'; readonly store: string; readonly parts: readonly unknown[] }
  /** All parts are sent; calls follow. `sessions`: the name by which other nodes know the process. */
  | { readonly type: 'complete'; readonly sessions: string }
  | {
      readonly type: 'call';
      readonly id: number;
      readonly store: string;
      readonly method: string;
      readonly args: readonly unknown[];
    };

/** Messages of the process that replaces it. */
export type FromLater =
  | { readonly type: 'answer'; readonly id: number; readonly value?: unknown }
  | { readonly type: 'failed'; readonly id: number; readonly name: string; readonly reason: string }
  | { readonly type: 'event'; readonly ref: ChannelRef; readonly event: ChannelEvent }
  | { readonly type: 'terminate'; readonly app: string; readonly user: string }
  | { readonly type: 'session'; readonly message: string };

interface EncodedMap {
  readonly $map: readonly (readonly [unknown, unknown])[];
}

/** Encodes a message as JSON. The stores keep texts and numbers of clients, never their objects: no client can send `$map`. */
export const encode = (message: FromEarlier | FromLater): string =>
  JSON.stringify(message, (_, value: unknown) => (value instanceof Map ? { $map: [...value] } : value));

export const decode = (text: string): unknown =>
  JSON.parse(text, (_, value: unknown) => (isMap(value) ? new Map(value.$map) : value));

const isMap = (value: unknown): value is EncodedMap =>
  typeof value === 'object' && value !== null && '$map' in value;

/** Makes the error of a call that failed in the other process. */
export const failureOf = ({ name, reason }: { readonly name: string; readonly reason: string }): Error =>
  name === Unavailable.name ? new Unavailable(reason) : new Error(reason);
