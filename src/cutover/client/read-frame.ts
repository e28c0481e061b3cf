import {
  isJsonObject,
  isTooDeep,
  type JsonObject,
  ownField,
  parseJson,
  textsOfFields,
  userIdOf,
} from '#protocol';
import type { ServerFrame } from './server-frame.ts';

/** Reads a frame of any server, as tolerantly as client libraries do; `undefined` when it is not a frame. */
export function readServerFrame(text: string): ServerFrame | undefined {
  const value = parseJson(text);
  if (!isJsonObject(value)) return undefined;
  const event = ownField(value, 'event');
  const channel = ownField(value, 'channel');
  if (typeof event !== 'string') return undefined;
  const texts = textsOfFields(text);
  return {
    event,
    data: ownField(value, 'data'),
    dataJson: isTooDeep(text) ? undefined : (texts.get('data') ?? 'null'),
    channel: typeof channel === 'string' ? channel : undefined,
    userId: userIdOf(ownField(value, 'user_id'), texts.get('user_id')),
    text,
  };
}

/** The data of the server's own frames: an object, or JSON inside a string. */
export function objectIn(data: unknown): JsonObject {
  const value = typeof data === 'string' ? parseJson(data) : data;
  return isJsonObject(value) ? value : {};
}

/** The text of that object; `undefined` when there is none, or when it is nested too deep. */
export function objectTextIn({ data, dataJson }: Pick<ServerFrame, 'data' | 'dataJson'>): string | undefined {
  const text = typeof data === 'string' ? data : dataJson;
  return text !== undefined && isJsonObject(parseJson(text)) && !isTooDeep(text) ? text : undefined;
}

/** The code and the message of an error frame. */
export function errorTextIn({ data }: Pick<ServerFrame, 'data'>): string {
  const { code, message } = objectIn(data);
  return `${jsonTextOf(code) ?? ''} ${jsonTextOf(message) ?? ''}`;
}

/** JSON text of a value that came from outside; `undefined` when it is nested too deep to be written. */
export function jsonTextOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value ?? null);
  } catch {
    return undefined;
  }
}
