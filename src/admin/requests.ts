/** A request that says what it may not; the message names the value. */
export class Mistake extends Error {
  override readonly name = 'Mistake';
}

export interface Change {
  readonly percent: number;
  readonly move: boolean;
}

export type Back = 'zero' | 'last-good';

export interface WayBack {
  readonly to: Back;
  readonly move: boolean;
}

/** SPEC 11.5: `{"percent":25,"move":false}`; the range is checked by whoever keeps the percentage. */
export function readChange(body: unknown): Change {
  const { percent, move = false } = objectIn(body, ['percent', 'move']);
  if (typeof percent !== 'number')
    throw new Mistake(`percent ${shown(percent)}: expected a number from 0 to 100`);
  return { percent, move: booleanIn(move) };
}

/** SPEC 11.5: nothing, `{"to":"last-good"}`, `{"move":false}`. */
export function readBack(body: unknown): WayBack {
  const { to = 'zero', move = true } = objectIn(body ?? {}, ['to', 'move']);
  if (to !== 'zero' && to !== 'last-good')
    throw new Mistake(`to ${shown(to)}: expected "zero" or "last-good"`);
  return { to, move: booleanIn(move) };
}

function objectIn(body: unknown, names: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new Mistake('The body is no JSON object.');
  const unknown = Object.keys(body).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Mistake(`${shown(unknown)}: expected ${names.join(' or ')}`);
  return body as Readonly<Record<string, unknown>>;
}

function booleanIn(move: unknown): boolean {
  if (typeof move !== 'boolean') throw new Mistake(`move ${shown(move)}: expected true or false`);
  return move;
}

const shown = (value: unknown): string =>
  value === undefined ? '(missing)' : JSON.stringify(value).slice(0, 100);
