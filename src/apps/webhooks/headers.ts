import { isJsonObject } from '#protocol';
import { isReservedHeader } from '../../core/webhooks/reserved-headers.ts';

const NAME = /^[\w!#$%&'*+.^`|~-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The headers of an endpoint; a problem, which shows no value, for each that is refused. */
export function headersIn(
  given: unknown,
  place: string,
  problems: string[],
): Readonly<Record<string, string>> {
  if (given === undefined || given === null) return {};
  // PHP writes an empty list for an empty array.
  if (Array.isArray(given) && given.length === 0) return {};
  if (!isJsonObject(given)) {
    problems.push(`${place}: expected an object of names and texts`);
    return {};
  }
  for (const [name, value] of Object.entries(given)) {
    const expected = expectedOf(name, value);
    if (expected !== undefined) problems.push(`${place}.${name}: expected ${expected}`);
  }
  return given as Record<string, string>;
}

function expectedOf(name: string, value: unknown): string | undefined {
  if (isReservedHeader(name)) return 'another header, because the server sends this one itself';
  if (!NAME.test(name)) return 'the name of a header';
  return typeof value === 'string' && VALUE.test(value) ? undefined : 'a text on one line';
}
