import { isJsonObject, type JsonObject } from '#protocol';

/** A request that says what it may not; the message names the value. */
export class BadRequest extends Error {
  override readonly name = 'Mistake';
}

/** A request that is right, and that the state of things forbids; the message says why and what to do. */
export class Conflict extends Error {
  override readonly name = 'Conflict';
}

export interface PercentRequest {
  readonly percent: number;
  readonly move: boolean;
  /** Sockets may be moved to a server that cannot be connected. */
  readonly force: boolean;
}

export type RollbackTarget = 'zero' | 'last-good';

export interface RollbackRequest {
  readonly to: RollbackTarget;
  readonly move: boolean;
  readonly force: boolean;
}

/** SPEC 11.5: `{"percent":25,"move":false}`; the range is checked by whoever keeps the percentage. */
export function readPercentRequest(body: unknown): PercentRequest {
  const { percent, move = false, force = false } = fieldsOf(body, ['percent', 'move', 'force']);
  if (typeof percent !== 'number')
    throw new BadRequest(`percent ${shown(percent)}: expected a number from 0 to 100`);
  return { percent, move: booleanIn('move', move), force: booleanIn('force', force) };
}

/** SPEC 11.5: nothing, `{"to":"last-good"}`, `{"move":false}`, `{"force":true}`. */
export function readRollbackRequest(body: unknown): RollbackRequest {
  const { to = 'zero', move = true, force = false } = fieldsOf(body ?? {}, ['to', 'move', 'force']);
  if (to !== 'zero' && to !== 'last-good')
    throw new BadRequest(`to ${shown(to)}: expected "zero" or "last-good"`);
  return { to, move: booleanIn('move', move), force: booleanIn('force', force) };
}

function fieldsOf(body: unknown, names: readonly string[]): JsonObject {
  if (!isJsonObject(body)) throw new BadRequest('The body is no JSON object.');
  const unknown = Object.keys(body).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new BadRequest(`${shown(unknown)}: expected ${names.join(' or ')}`);
  return body;
}

function booleanIn(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new BadRequest(`${name} ${shown(value)}: expected true or false`);
  return value;
}

const shown = (value: unknown): string =>
  value === undefined ? '(missing)' : JSON.stringify(value).slice(0, 100);
