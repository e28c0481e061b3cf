import { isJsonObject, type JsonObject } from '#protocol';
import type { ForgetRequest } from '../core/ports/decisions.ts';

/** A request is invalid (400); the message names the field, its value and what was expected. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
}

/** A valid request that the server's state does not allow (409); the message says why and what to do. */
export class Conflict extends Error {
  override readonly name = 'Conflict';
}

export interface PercentRequest {
  readonly percent: number;
  readonly move: boolean;
  /** Move connections even to a server that cannot be reached. */
  readonly force: boolean;
}

export type RollbackTarget = 'zero' | 'last-good';

export interface RollbackRequest {
  readonly to: RollbackTarget;
  readonly move: boolean;
  readonly force: boolean;
}

/** Reads the body of a change (SPEC 11.5): `{"percent":25,"move":false}`; `Percentage` checks the range. */
export function readPercentRequest(body: unknown): PercentRequest {
  const { percent, move = false, force = false } = fieldsOf(body, ['percent', 'move', 'force']);
  if (typeof percent !== 'number')
    throw new BadRequest(`percent ${shown(percent)}: expected a number from 0 to 100`);
  return { percent, move: booleanIn('move', move), force: booleanIn('force', force) };
}

/** Reads the body of a rollback (SPEC 11.5): empty, `{"to":"last-good"}`, `{"move":false}`, `{"force":true}`. */
export function readRollbackRequest(body: unknown): RollbackRequest {
  const { to = 'zero', move = true, force = false } = fieldsOf(body ?? {}, ['to', 'move', 'force']);
  if (to !== 'zero' && to !== 'last-good')
    throw new BadRequest(`to ${shown(to)}: expected "zero" or "last-good"`);
  return { to, move: booleanIn('move', move), force: booleanIn('force', force) };
}

/** Deliveries that one request may replay. */
const MAX_REPLAYED = 1000;

/** Reads the body of a replay: `{"ids":["…"]}`. */
export function readReplayRequest(body: unknown): readonly string[] {
  const { ids } = fieldsOf(body, ['ids']);
  if (!isListOfTexts(ids) || ids.length === 0 || ids.length > MAX_REPLAYED)
    throw new BadRequest(`ids ${shown(ids)}: expected a list of 1 to ${MAX_REPLAYED} ids`);
  return ids;
}

/** Reads the body of a test: `{"endpoint":"app-id-1"}`. */
export function readTestRequest(body: unknown): string {
  const { endpoint } = fieldsOf(body, ['endpoint']);
  if (typeof endpoint !== 'string') throw new BadRequest(`endpoint ${shown(endpoint)}: expected a name`);
  return endpoint;
}

/** Reads the body of a request to forget: one of `all`, `session`, `token`, `owner`, `channel`, or `app` and `user`. */
export function readForgetRequest(body: unknown): ForgetRequest {
  const fields = fieldsOf(body, ['all', 'session', 'token', 'owner', 'channel', 'app', 'user']);
  const names = Object.keys(fields).sort().join();
  if (names === 'all' && fields.all === true) return { what: 'all' };
  if (names === 'app,user') return { what: 'user', app: textIn(fields, 'app'), user: textIn(fields, 'user') };
  if (names === 'token') return { what: names, name: textIn(fields, names).replace(/^bearer /i, '') };
  if (names === 'owner') return { what: names, digest: textIn(fields, names) };
  if (names === 'session' || names === 'channel') return { what: names, name: textIn(fields, names) };
  throw new BadRequest(
    'Expected one of "all": true, "session", "token", "owner", "channel", or "app" and "user".',
  );
}

function textIn(fields: JsonObject, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string' || value === '') throw new BadRequest(`${name}: expected a text`);
  return value;
}

/** Reads the body of a new app: empty, or `{"id":"shop"}`. */
export function readAddRequest(body: unknown): string | undefined {
  const { id } = fieldsOf(body ?? {}, ['id']);
  if (id !== undefined && typeof id !== 'string') throw new BadRequest(`id ${shown(id)}: expected a text`);
  return id;
}

export interface RotateRequest {
  /** Replace the key too. */
  readonly key: boolean;
  /** Seconds for which the former pair stays valid; `undefined`: those of the setting. */
  readonly overlapSeconds: number | undefined;
}

/** Seconds for which a former pair may stay valid. */
const MAX_OVERLAP_SECONDS = 30 * 86_400;

/** Reads the body of a rotation: empty, or `{"key":true,"overlapSeconds":60}`. */
export function readRotateRequest(body: unknown): RotateRequest {
  const { key = false, overlapSeconds } = fieldsOf(body ?? {}, ['key', 'overlapSeconds']);
  if (overlapSeconds !== undefined && !isOverlap(overlapSeconds))
    throw new BadRequest(
      `overlapSeconds ${shown(overlapSeconds)}: expected a whole number from 0 to ${MAX_OVERLAP_SECONDS}`,
    );
  return { key: booleanIn('key', key), overlapSeconds };
}

const isOverlap = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_OVERLAP_SECONDS;

const isListOfTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

function fieldsOf(body: unknown, names: readonly string[]): JsonObject {
  if (!isJsonObject(body)) throw new BadRequest('The body is not a JSON object.');
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
