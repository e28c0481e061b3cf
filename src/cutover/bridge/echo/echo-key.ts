import { hash } from 'node:crypto';
import { isClientEvent, parseJson } from '#protocol';
import { phpJson } from '../../client/php-json.ts';
import { jsonTextOf } from '../../client/read-frame.ts';

/** SPEC 11.8: key that an event and its echo have in common. */
export const echoKey = (name: string, data: unknown): string =>
  hash('sha256', `${name.length}:${name}${dataKey(name, data)}`, 'base64').slice(0, 24);

/** The data of a client event may come back decoded and encoded again; that of other events is the same string on both sides. */
function dataKey(name: string, data: unknown): string {
  if (!isClientEvent(name)) return typeof data === 'string' ? data : (jsonTextOf(data) ?? '');
  const inside = typeof data === 'string' ? parseJson(data) : data;
  const value = typeof inside === 'object' ? inside : data;
  return phpJson(value ?? null) ?? '';
}
