import { isJsonObject } from '#protocol';
import { splitTarget } from '../core/util/http-text.ts';
import { BadRequest } from './requests.ts';

/** More characters than any setting allows names to have. */
export const MAX_NAME_CHARS = 1024;

/** Fields of a query or of a body: texts of 1 to `MAX_NAME_CHARS` characters. */
export class Fields {
  readonly #values: ReadonlyMap<string, unknown>;

  private constructor(values: ReadonlyMap<string, unknown>, names: readonly string[]) {
    this.#values = values;
    const unknown = [...values.keys()].find((name) => !names.includes(name));
    if (unknown !== undefined)
      throw new BadRequest(`${JSON.stringify(unknown.slice(0, 100))}: expected ${names.join(' or ')}`);
  }

  static ofQuery(url: string | undefined, names: readonly string[]): Fields {
    return new Fields(new Map(new URLSearchParams(splitTarget(url)[1])), names);
  }

  static ofBody(body: unknown, names: readonly string[]): Fields {
    if (!isJsonObject(body)) throw new BadRequest('The body is not a JSON object.');
    return new Fields(new Map(Object.entries(body)), names);
  }

  text(name: string): string {
    const value = this.#values.get(name);
    if (typeof value !== 'string' || value === '' || value.length > MAX_NAME_CHARS)
      throw new BadRequest(`${name}: expected 1 to ${MAX_NAME_CHARS} characters`);
    return value;
  }

  optional(name: string): string | undefined {
    return (this.#values.get(name) ?? '') === '' ? undefined : this.text(name);
  }

  /** A whole number of at most nine digits; 0: it is not given. */
  count(name: string): number {
    const text = this.optional(name) ?? '0';
    if (!/^\d{1,9}$/.test(text)) throw new BadRequest(`${name}: expected a whole number`);
    return Number(text);
  }
}
