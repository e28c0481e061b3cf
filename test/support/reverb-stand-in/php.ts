/** Object with ordered keys, like an array of PHP. */
export type Ordered = ReadonlyMap<string, unknown>;

const isSequence = (keys: readonly string[]): boolean => keys.every((key, at) => key === String(at));

/** Converts objects like PHP, whose arrays are both: empty ones and those with the keys 0, 1, 2 … become lists. */
export const listified = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(listified);
  if (typeof value !== 'object' || value === null) return value;
  const entries: (readonly [string, unknown])[] =
    value instanceof Map ? [...(value as Ordered)] : Object.entries(value);
  const inside = entries.map(([key, each]) => [key, listified(each)] as const);
  return isSequence(inside.map(([key]) => key)) ? inside.map(([, each]) => each) : Object.fromEntries(inside);
};

const escaped = (json: string): string =>
  json
    .replaceAll('/', '\\/')
    .replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Encodes like PHP's json_encode after json_decode. */
export const phpJson = (value: unknown): string => escaped(JSON.stringify(listified(value)));

/** Encodes like `phpJson`, but the outermost level remains an object. */
export const phpObject = (value: object): string =>
  escaped(
    JSON.stringify(Object.fromEntries(Object.entries(value).map(([key, each]) => [key, listified(each)]))),
  );

/** Like PHP's empty(). */
export const isEmpty = (value: unknown): boolean => {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return (
    value === undefined || value === null || value === '' || value === '0' || value === 0 || value === false
  );
};

/** Converts like a PHP parameter of type `?string`: scalars become strings, other values are an error. */
export const asText = (value: unknown): string | undefined => {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? '1' : '';
  throw new TypeError('not a string');
};

/** A list or an object: both are arrays to PHP. */
export const isArray = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/** Reads a query string as PHP's parse_str: `a[]=1` is a list, dots and spaces in names become underscores. */
export const parseQuery = (query: string): Map<string, string | string[]> => {
  const all = new Map<string, string | string[]>();
  for (const [name, value] of new URLSearchParams(query)) {
    const isList = name.includes('[');
    const key = (isList ? name.slice(0, name.indexOf('[')) : name).replace(/[. ]/g, '_');
    const known = all.get(key);
    if (isList) all.set(key, [...(Array.isArray(known) ? known : []), value]);
    else all.set(key, value);
  }
  return all;
};

/** Matches a pattern with `*` as wildcard, like Laravel's Str::is. */
export const isLike = (pattern: string, text: string): boolean =>
  new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`, 's').test(text);
