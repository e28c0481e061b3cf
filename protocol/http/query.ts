/** 8.2 — one `name=value` of a query string. */
export interface QueryPair {
  /** Decoded, lower-case, without the `[…]` of a list. */
  readonly name: string;
  /** It was written `name[]=` or `name[0]=`: values of the same name are joined with a comma. */
  readonly list: boolean;
  /** Decoded as a form: `+` is a space. */
  readonly value: string;
  /** As received. */
  readonly raw: string;
}

export type QueryPairs = readonly QueryPair[];

function decodedRun(escapes: string): string {
  try {
    return decodeURIComponent(escapes);
  } catch {
    return escapes;
  }
}

/** A broken escape, or one that is not UTF-8, stands for itself. */
export const percentDecoded = (text: string): string =>
  text.includes('%') ? text.replace(/(?:%[0-9a-f]{2})+/gi, decodedRun) : text;

const formDecoded = (text: string): string =>
  percentDecoded(text.includes('+') ? text.replaceAll('+', ' ') : text);

function parsePair(pair: string): QueryPair {
  const equals = pair.indexOf('=');
  const end = equals < 0 ? pair.length : equals;
  const key = formDecoded(pair.slice(0, end)).toLowerCase();
  const raw = pair.slice(end + 1);
  const bracket = key.endsWith(']') ? key.indexOf('[') : -1;
  const list = bracket > 0;
  return { name: list ? key.slice(0, bracket) : key, list, value: formDecoded(raw), raw };
}

/** 8.2 — every pair in its order, `rawQuery` without the leading `?`. */
export function parseQuery(rawQuery: string): QueryPairs {
  const pairs: QueryPair[] = [];
  for (const pair of rawQuery.split('&')) if (pair !== '') pairs.push(parsePair(pair));
  return pairs;
}

/** A way to read the value of a pair. */
export type Reading = (pair: QueryPair) => string;

/** By name, in lower case. */
export type QueryValues = ReadonlyMap<string, string>;

/** 8.2 — lists are joined; otherwise the last one of a name counts. */
export function valuesOf(pairs: QueryPairs, reading: Reading): QueryValues {
  const values = new Map<string, string>();
  let lists: Set<string> | undefined;
  for (const pair of pairs) {
    const { name, list } = pair;
    const before = list && lists?.has(name) === true ? values.get(name) : undefined;
    values.set(name, before === undefined ? reading(pair) : `${before},${reading(pair)}`);
    if (list) (lists ??= new Set()).add(name);
    else lists?.delete(name);
  }
  return values;
}

const formDecodedValue: Reading = (pair) => pair.value;
const percentDecodedValue: Reading = (pair) => percentDecoded(pair.raw);
const asReceived: Reading = (pair) => pair.raw;

/** 7.4 — libraries sign the text before they encode it, or what they write into the URL. The usual reading is the first, no two are the same. */
export function readingsOf(rawQuery: string): readonly Reading[] {
  const plus = rawQuery.includes('+') ? [percentDecodedValue] : [];
  const percent = rawQuery.includes('%') ? [asReceived] : [];
  return [formDecodedValue, ...plus, ...percent];
}
