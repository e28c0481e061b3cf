import { isClientEvent, plainClientEvent } from './client-event.ts';
import { errors, hasErrorFrame, ProtocolError, type SubscriptionFailure } from '../errors.ts';
import { ownField, isJsonObject, type JsonObject, parseJsonObject } from '../json/json.ts';
import { isTooDeep, textOfField } from '../json/json-text.ts';
import {
  type ClientMessage,
  type GapReason,
  PUSHER_PREFIX,
  type ServerEvent,
  serverEvents,
} from './messages.ts';
import { positionText, type Position } from './position.ts';
import { type Member, rosterJson } from '../presence.ts';
import { parseResume } from './resume.ts';

// --- from the client ---------------------------------------------------------

const invalid = (): ProtocolError => new ProtocolError(errors.invalidMessage);

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

function required<T>(value: T | undefined): T {
  if (value === undefined) throw invalid();
  return value;
}

/** 1.4 — the client may send an object, or a string that holds one. */
function dataOf(message: JsonObject): JsonObject {
  const data = ownField(message, 'data');
  if (isJsonObject(data)) return data;
  return required(parseJsonObject(text(data)));
}

function subscribe(message: JsonObject): ClientMessage {
  const data = dataOf(message);
  return {
    kind: 'subscribe',
    channel: required(text(ownField(data, 'channel'))),
    auth: text(ownField(data, 'auth')),
    channelData: text(ownField(data, 'channel_data')),
    resume: parseResume(ownField(data, 'resume')),
  };
}

const unsubscribe = (message: JsonObject): ClientMessage => ({
  kind: 'unsubscribe',
  channel: required(text(ownField(dataOf(message), 'channel'))),
});

/** 6.3 — a broken sign-in is decoded all the same, so that it fails as a sign-in. */
function signin(message: JsonObject): ClientMessage {
  const data = dataOf(message);
  return {
    kind: 'signin',
    auth: text(ownField(data, 'auth')) ?? '',
    userData: text(ownField(data, 'user_data')) ?? '',
  };
}

const DECODERS: ReadonlyMap<string, (message: JsonObject) => ClientMessage> = new Map([
  ['pusher:subscribe', subscribe],
  ['pusher:unsubscribe', unsubscribe],
  ['pusher:signin', signin],
  ['pusher:ping', (): ClientMessage => ({ kind: 'ping' })],
  ['pusher:pong', (): ClientMessage => ({ kind: 'pong' })],
]);

/** 5.3 — `data` is relayed as it was written, `null` when there is none; nested too deeply it is malformed. */
function clientEvent(name: string, message: JsonObject, frame: string): ClientMessage {
  const channel = required(text(ownField(message, 'channel')));
  if (isTooDeep(frame)) throw invalid();
  return { kind: 'client-event', name, channel, dataJson: textOfField(frame, 'data') ?? 'null' };
}

/** 1.5, 1.6 — throws `ProtocolError` (4200, nothing closes) for what is malformed, and nothing else. */
export const decode = (frame: string): ClientMessage => plainClientEvent(frame) ?? decodeAny(frame);

function decodeAny(frame: string): ClientMessage {
  const message = required(parseJsonObject(frame));
  const event = required(text(ownField(message, 'event')));
  const decoder = DECODERS.get(event);
  if (decoder) return decoder(message);
  if (isClientEvent(event)) return clientEvent(event, message, frame);
  if (event.startsWith(PUSHER_PREFIX)) throw invalid();
  return { kind: 'ignored' };
}

// --- to the client -----------------------------------------------------------

const quote = (value: unknown): string => JSON.stringify(value);

/** 1.2 — `dataJson` is the JSON text that stands behind `"data":`. */
function frame(event: ServerEvent, dataJson: string, channel?: string): string {
  const end = channel === undefined ? '}' : `,"channel":${quote(channel)}}`;
  return `{"event":"${event}","data":${dataJson}${end}`;
}

/** 1.2 — the server's own data is JSON inside a string. */
const wrapped = (event: ServerEvent, data: object, channel?: string): string =>
  frame(event, quote(quote(data)), channel);

const EMPTY = quote('{}');

/** 1.3 */
function error(code: number, message: string, asString = false, channel?: string): string {
  const data = quote({ code, message });
  return frame(serverEvents.error, asString ? quote(data) : data, channel);
}

/** 2.4 — ids and numbers need no escaping, and every client gets one, so nothing but concatenation. */
const connectionEstablished = (socketId: string, activityTimeoutSeconds: number): string =>
  `{"event":"${serverEvents.connectionEstablished}","data":"{\\"socket_id\\":\\"${socketId}\\",` +
  `\\"activity_timeout\\":${activityTimeoutSeconds}}"}`;

const subscriptionError = (channel: string, { type, error, status }: SubscriptionFailure): string =>
  wrapped(serverEvents.subscriptionError, { type, error, status }, channel);

/** 3.6 — the frames that report a failure to the client, in their order. */
function failure(reason: ProtocolError, asString = false): readonly string[] {
  const { code, message, channel, subscription } = reason;
  if (!subscription) return [error(code, message, asString, channel)];
  const first = subscriptionError(channel ?? '', subscription);
  return hasErrorFrame(reason) ? [first, error(code, message, asString)] : [first];
}

/** 4.4 — `user_info` only when there is one. */
function memberAdded(channel: string, { userId, infoJson }: Member): string {
  const info = infoJson === undefined ? '' : `,"user_info":${infoJson}`;
  return frame(serverEvents.memberAdded, quote(`{"user_id":${quote(userId)}${info}}`), channel);
}

/** 3.3, 4.3 */
const subscriptionSucceeded = (channel: string, roster?: Iterable<Member>): string =>
  frame(serverEvents.subscriptionSucceeded, roster ? quote(rosterJson(roster)) : EMPTY, channel);

export interface WatchlistEvent {
  readonly name: 'online' | 'offline';
  readonly userIds: readonly string[];
}

/** 6.5 */
const watchlistEvents = (events: readonly WatchlistEvent[]): string =>
  wrapped(serverEvents.watchlistEvents, {
    events: events.map(({ name, userIds }) => ({ name, user_ids: userIds })),
  });

/** 3.13, 5.3 — `dataJson` MUST be JSON; it goes out as it is. Called for every event, so nothing but concatenation. */
function event(name: string, dataJson: string, channel: string, userId?: string): string {
  const end = userId === undefined ? '}' : `,"user_id":${JSON.stringify(userId)}}`;
  return `{"event":${JSON.stringify(name)},"data":${dataJson},"channel":${JSON.stringify(channel)}${end}`;
}

/** 13.7 — the same frame with its position. */
const withPosition = (payload: string, position: Position): string =>
  `${payload.slice(0, -1)},"position":"${positionText(position)}"}`;

/** 13.6 */
const gap = (channel: string, reason: GapReason, missing?: number): string =>
  wrapped(serverEvents.gap, { reason, missing }, channel);

/** 1 — the text of every frame that the server sends. */
export const encode = {
  connectionEstablished,
  error,
  failure,
  ping: (): string => frame(serverEvents.ping, EMPTY),
  pong: (): string => frame(serverEvents.pong, EMPTY),
  subscriptionSucceeded,
  subscriptionError,
  subscriptionCount: (channel: string, count: number): string =>
    wrapped(serverEvents.subscriptionCount, { subscription_count: count }, channel),
  memberAdded,
  memberRemoved: (channel: string, { userId }: Pick<Member, 'userId'>): string =>
    wrapped(serverEvents.memberRemoved, { user_id: userId }, channel),
  cacheMiss: (channel: string): string => frame(serverEvents.cacheMiss, EMPTY, channel),
  signinSuccess: (userData: string): string => wrapped(serverEvents.signinSuccess, { user_data: userData }),
  watchlistEvents,
  event,
  withPosition,
  gap,
} as const;
