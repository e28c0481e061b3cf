import { hash } from 'node:crypto';
import {
  isJsonObject,
  isTooDeep,
  type JsonObject,
  type Member,
  memberOf,
  ownField,
  parseJson,
  textOfField,
  textsOfFields,
  textsOfItems,
  userIdOf,
} from '#protocol';

/** One frame from the other side. Nothing in it is trusted. */
export interface ServerFrame {
  readonly event: string;
  /** Its numbers are rounded: what is passed on is `dataJson`. */
  readonly data: unknown;
  /** `data` as it was written; `undefined` when it is too deep for anybody to read. */
  readonly dataJson: string | undefined;
  readonly channel: string | undefined;
  readonly userId: string | undefined;
  readonly text: string;
}

/** `undefined`: not a frame. */
export function readServerFrame(text: string): ServerFrame | undefined {
  const value = parseJson(text);
  if (!isJsonObject(value)) return undefined;
  const [event, channel, userId] = [
    ownField(value, 'event'),
    ownField(value, 'channel'),
    ownField(value, 'user_id'),
  ];
  if (typeof event !== 'string') return undefined;
  const texts = textsOfFields(text);
  return {
    event,
    data: ownField(value, 'data'),
    dataJson: isTooDeep(text) ? undefined : (texts.get('data') ?? 'null'),
    channel: typeof channel === 'string' ? channel : undefined,
    userId: userIdOf(userId, texts.get('user_id')),
    text,
  };
}

/** The server's own data is an object, or JSON inside a string. */
export function objectIn(data: unknown): JsonObject {
  const value = typeof data === 'string' ? parseJson(data) : data;
  return isJsonObject(value) ? value : {};
}

/** The text of that object; `undefined` when there is none, or when it is too deep. */
export function objectTextIn({ data, dataJson }: Pick<ServerFrame, 'data' | 'dataJson'>): string | undefined {
  const text = typeof data === 'string' ? data : dataJson;
  return text !== undefined && isJsonObject(parseJson(text)) && !isTooDeep(text) ? text : undefined;
}

export const isInternal = (event: string): boolean =>
  event.startsWith('pusher:') || event.startsWith('pusher_internal:');

export const isClientEvent = (event: string): boolean => event.startsWith('client-');

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
  if (!isClientEvent(name)) return typeof data === 'string' ? data : (textOf(data) ?? '');
  const inside = typeof data === 'string' ? parseJson(data) : data;
  const value = typeof inside === 'object' ? inside : data;
  try {
    return JSON.stringify(canonical(value ?? null));
  } catch {
    return '';
  }
}

/** SPEC 11.8: what an event and its echo have in common. */
export const echoKey = (name: string, data: unknown): string =>
  hash('sha256', `${name.length}:${name}${dataKey(name, data)}`, 'base64').slice(0, 24);

/** A member of the other side, of whom this object tells; `undefined` when there is no usable one. */
export function memberIn(json: string, idField = 'user_id'): Member | undefined {
  const texts = textsOfFields(json);
  return memberOf(ownField(objectIn(json), idField), texts.get(idField), infoIn(texts.get('user_info')));
}

/** PHP says `null` where there is none. */
const infoIn = (text: string | undefined): string | undefined => (text === 'null' ? undefined : text);

/** SPEC 11.10: the roster in `subscription_succeeded`. PHP writes `hash` as a list when the ids count from 0. */
export function rosterIn(json = ''): Member[] {
  const presence = ownField(objectIn(json), 'presence');
  if (!isJsonObject(presence)) return [];
  const texts = textsOfFields(textOfField(json, 'presence') ?? '');
  const [ids, idsJson] = [ownField(presence, 'ids'), texts.get('ids')];
  if (!Array.isArray(ids) || idsJson === undefined) return [];
  const idTexts = textsOfItems(idsJson);
  const infos = infosIn(ownField(presence, 'hash'), texts.get('hash'));
  return ids.flatMap((value: unknown, at) => {
    const id = userIdOf(value, idTexts[at]);
    return id === undefined ? [] : (memberOf(value, idTexts[at], infoIn(infos(id))) ?? []);
  });
}

function infosIn(hash: unknown, json = ''): (id: string) => string | undefined {
  if (Array.isArray(hash)) {
    const items = textsOfItems(json);
    return (id) => (/^\d+$/.test(id) ? items[Number(id)] : undefined);
  }
  const fields = isJsonObject(hash) ? textsOfFields(json) : new Map<string, string>();
  return (id) => fields.get(id);
}
