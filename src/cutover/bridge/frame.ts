import { hash } from 'node:crypto';
import { isUserId, type Member } from '#protocol';

type Json = Readonly<Record<string, unknown>>;

/** One frame from the other side. Nothing in it is trusted. */
export interface RemoteFrame {
  readonly event: string;
  readonly data: unknown;
  readonly channel: string | undefined;
  readonly userId: string | undefined;
  readonly text: string;
}

export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const own = (object: object, name: string): unknown =>
  Object.hasOwn(object, name) ? (object as Json)[name] : undefined;

/** `undefined`: not a frame. */
export function readFrame(text: string): RemoteFrame | undefined {
  const value = parse(text);
  if (!isJson(value)) return undefined;
  const [event, channel, userId] = [own(value, 'event'), own(value, 'channel'), own(value, 'user_id')];
  if (typeof event !== 'string') return undefined;
  return {
    event,
    data: own(value, 'data'),
    channel: typeof channel === 'string' ? channel : undefined,
    userId: isUserId(userId) ? String(userId) : undefined,
    text,
  };
}

/** The server's own data is an object, or JSON inside a string. */
export function objectIn(data: unknown): Json {
  const value = typeof data === 'string' ? parse(data) : data;
  return isJson(value) ? value : {};
}

export const isInternal = (event: string): boolean =>
  event.startsWith('pusher:') || event.startsWith('pusher_internal:');

export const isWhisper = (event: string): boolean => event.startsWith('client-');

/** JSON text of a value that came from outside; `undefined` when it is too deep to be written. */
export function textOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value ?? null);
  } catch {
    return undefined;
  }
}

/**
 * SPEC 11.8: the same text for what PHP may have decoded and written again: empty objects and lists are one, and so
 * are lists and objects that count from 0.
 */
function canonical(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [`_${name}`, canonical(each)]));
}

/** A whisper's data may come back decoded; that of every other event is the same string on both sides. */
function dataKey(name: string, data: unknown): string {
  if (!isWhisper(name)) return typeof data === 'string' ? data : (textOf(data) ?? '');
  const inside = typeof data === 'string' ? parse(data) : data;
  const value = typeof inside === 'object' ? inside : data;
  try {
    return JSON.stringify(canonical(value ?? null));
  } catch {
    return '';
  }
}

/** SPEC 11.8: what an event and its echo have in common. */
export const keyOf = (name: string, data: unknown): string =>
  hash('sha256', `${name.length}:${name}${dataKey(name, data)}`, 'base64').slice(0, 24);

/** A member of the other side; `undefined` when there is no usable one. */
export function memberIn(userId: unknown, info: unknown): Member | undefined {
  if (!isUserId(userId)) return undefined;
  const infoJson = info === undefined || info === null ? undefined : textOf(info);
  return { id: String(userId), userId, infoJson };
}

/** SPEC 11.10: the roster in `subscription_succeeded`. PHP writes `hash` as a list when the ids count from 0. */
export function rosterIn(data: unknown): Member[] {
  const presence = own(objectIn(data), 'presence');
  if (!isJson(presence)) return [];
  const [ids, infos] = [own(presence, 'ids'), own(presence, 'hash')];
  if (!Array.isArray(ids)) return [];
  return ids.flatMap((id: unknown) => {
    if (!isUserId(id)) return [];
    const info = typeof infos === 'object' && infos !== null ? own(infos, String(id)) : undefined;
    return memberIn(id, info) ?? [];
  });
}
