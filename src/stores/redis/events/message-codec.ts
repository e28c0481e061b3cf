import { isUtf8 } from 'node:buffer';
import type { ChannelEvent } from '../../../core/ports/events.ts';
import { type Member, parseJson } from '#protocol';
import { EventDecoder } from './event-decoder.ts';

/** Events of one channel that are sent in one message. */
export interface EventsMessage {
  readonly kind: 'events';
  /** `undefined`: the events have no offset, because the channel keeps no history or they are client events or counts. */
  readonly position:
    { readonly epoch: string; readonly generation: string; readonly first: number } | undefined;
  readonly events: readonly ChannelEvent[];
}

export interface MemberMessage {
  readonly kind: 'member';
  readonly generation: string;
  readonly version: number;
  readonly except: string | undefined;
  readonly id: string;
  /** `undefined`: the user left. */
  readonly member: Member | undefined;
}

/**
 * A message of a channel's pub/sub channel: a head line, then the body.
 *   e EPOCH GENERATION FIRST_OFFSET COUNT    COUNT events; without offsets the head is `e - - 0 COUNT`
 *   m GENERATION VERSION +|- SOCKET|- BYTES  the member that joined (JSON) or the id of the user that left
 * An event is a line `BYTES BEST_EFFORT EXCLUDED_SOCKET|-` and its payload. The scripts publish, sync-channel and clean-up-node
 * write these messages as well.
 */
export type PubSubMessage = EventsMessage | MemberMessage;

const LONGEST_MESSAGE_BYTES = 64 * 1024 * 1024;
const LONGEST_HEAD = 256;

export interface EncodedEvent {
  readonly text: string;
  /** Length of the text in UTF-8. */
  readonly bytes: number;
}

/** Encodes one event as it is kept and sent: length, flags, excluded socket, and the payload unchanged. */
export function encodeEvent({ payload, except, bestEffort }: ChannelEvent): EncodedEvent {
  const payloadBytes = Buffer.byteLength(payload);
  const head = `${payloadBytes} ${bestEffort ? 1 : 0} ${except ?? '-'}\n`;
  return { text: head + payload, bytes: head.length + payloadBytes };
}

/** Decodes strictly: anything but exactly `count` events is `undefined`. */
export function decodeEvents(bytes: Buffer, count: number): ChannelEvent[] | undefined {
  const events: ChannelEvent[] = [];
  for (const decoder = new EventDecoder(bytes); !decoder.isAtEnd;) {
    const event = decoder.next();
    if (event === undefined) return undefined;
    events.push(event);
  }
  return events.length === count ? events : undefined;
}

export const encodeMember = ({ userId, infoJson }: Member): string =>
  JSON.stringify([userId, infoJson ?? null]);

export function decodeMember(text: string): Member | undefined {
  const value = parseJson(text);
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [userId, info] = value as [unknown, unknown];
  if (typeof userId !== 'string' && !Number.isFinite(userId)) return undefined;
  if (info !== null && (typeof info !== 'string' || parseJson(info) === undefined)) return undefined;
  return { id: String(userId), userId: userId as string | number, infoJson: info ?? undefined };
}

const EVENTS_HEAD = /^e (?:(-) - 0|([\w-]{1,64}) (\d{1,16}) (\d{1,15})) (\d{1,6})$/;
const MEMBER_HEAD = /^m (\d{1,16}) (\d{1,15}) ([+-]) (-|[\d.]{1,40}) (\d{1,9})$/;

/** Decodes a message of a pub/sub channel. Nothing there is trusted: anything but exactly a message is `undefined`. */
export function decodeMessage(bytes: Buffer): PubSubMessage | undefined {
  if (bytes.length > LONGEST_MESSAGE_BYTES) return undefined;
  const line = bytes.subarray(0, LONGEST_HEAD + 1).indexOf(10);
  if (line === -1 || !isUtf8(bytes)) return undefined;
  const head = bytes.toString('latin1', 0, line);
  const body = bytes.subarray(line + 1);
  return head.startsWith('e ') ? decodeEventsMessage(head, body) : decodeMemberMessage(head, body);
}

function decodeEventsMessage(head: string, body: Buffer): EventsMessage | undefined {
  const match = EVENTS_HEAD.exec(head);
  const events = match === null ? undefined : decodeEvents(body, Number(match[5]));
  if (match === null || events === undefined) return undefined;
  const [, none, epoch = '', generation = '', first] = match;
  return { kind: 'events', events, position: none ? undefined : { epoch, generation, first: Number(first) } };
}

function decodeMemberMessage(head: string, body: Buffer): MemberMessage | undefined {
  const match = MEMBER_HEAD.exec(head);
  if (match === null) return undefined;
  const [, generation = '', version, sign, socket, length] = match;
  if (body.length !== Number(length)) return undefined;
  const text = body.toString();
  const member = sign === '+' ? decodeMember(text) : undefined;
  if (sign === '+' && member === undefined) return undefined;
  const except = socket === '-' ? undefined : socket;
  return { kind: 'member', generation, version: Number(version), except, id: member?.id ?? text, member };
}
