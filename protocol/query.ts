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

/** How the value of a pair is understood. */
export type Reading = (pair: QueryPair) => string;

/** 8.2 — lists are joined; otherwise the last one of a name counts. */
export function valuesOf(pairs: QueryPairs, reading: Reading): Map<string, string> {
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

export const decodedValue: Reading = (pair) => pair.value;

/** 8.2 — the value that was signed and is acted upon; `name` in lower case. */
export const queryValue = (pairs: QueryPairs, name: string): string | undefined =>
  valuesOf(
    pairs.filter((pair) => pair.name === name),
    decodedValue,
  ).get(name);
