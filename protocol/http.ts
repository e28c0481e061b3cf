import { canonicalText, type Credential, equalHex, hmacHex, md5Hex } from './signature.ts';

// --- the query string ----------------------------------------------------------

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
const percentDecoded = (text: string): string =>
  text.includes('%') ? text.replace(/(?:%[0-9a-f]{2})+/gi, decodedRun) : text;

const formDecoded = (text: string): string => percentDecoded(text.replaceAll('+', ' '));

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
  return rawQuery
    .split('&')
    .filter((pair) => pair !== '')
    .map(parsePair);
}

type Reading = (pair: QueryPair) => string;

/** Lists are joined; otherwise the last one of a name counts. */
function valuesOf(pairs: QueryPairs, reading: Reading): Map<string, string> {
  const values = new Map<string, string>();
  const lists = new Set<string>();
  for (const pair of pairs) {
    const { name, list } = pair;
    const before = list && lists.has(name) ? values.get(name) : undefined;
    values.set(name, before === undefined ? reading(pair) : `${before},${reading(pair)}`);
    if (list) lists.add(name);
    else lists.delete(name);
  }
  return values;
}

const decodedValue: Reading = (pair) => pair.value;

/** 8.2 — the value that was signed and is acted upon; `name` in lower case. */
export const queryValue = (pairs: QueryPairs, name: string): string | undefined =>
  valuesOf(
    pairs.filter((pair) => pair.name === name),
    decodedValue,
  ).get(name);

// --- the signature ---------------------------------------------------------------

export interface SignedRequest {
  readonly method: string;
  /** As received, without the query. */
  readonly path: string;
  readonly rawQuery: string;
  readonly body: Uint8Array;
}

export interface VerifyOptions {
  /** 2.1, 7.4 — the server's path prefix; clients may sign with or without it. */
  readonly prefix: string;
  readonly nowSeconds: number;
  /** 0 switches the check of the timestamp off. */
  readonly windowSeconds: number;
}

export interface HttpRefusal {
  readonly status: 401;
  readonly message: string;
}

const INVALID: HttpRefusal = { status: 401, message: 'Authentication signature invalid.' };

const ONCE = ['auth_key', 'auth_timestamp', 'auth_version', 'auth_signature', 'body_md5'];
const UNSIGNED = new Set(['auth_signature', 'body_md5', 'appid', 'appkey', 'channelname']);

const CONTROL = /\p{Cc}/u;

/** `&` and `=` here would move the borders between the parameters of the canonical text. */
const isUnclear = ({ name, value }: QueryPair): boolean =>
  CONTROL.test(name) || CONTROL.test(value) || /[&=]/.test(name) || value.includes('&');

/** A parameter of the signature itself is written once, and not as a list. */
function isRepeated(name: string, pairs: QueryPairs): boolean {
  const given = pairs.filter((pair) => pair.name === name);
  return given.length > 1 || given.some((pair) => pair.list);
}

/** 8.2 — another request could have the same canonical text. */
const isAmbiguous = (path: string, pairs: QueryPairs): boolean =>
  CONTROL.test(percentDecoded(path)) || pairs.some(isUnclear) || ONCE.some((name) => isRepeated(name, pairs));

const iso = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;

/** 8.2 — nothing is wrong with a time inside the window, both ends included. */
function checkTime(given: string | undefined, options: VerifyOptions): HttpRefusal | undefined {
  const { nowSeconds, windowSeconds } = options;
  if (windowSeconds <= 0) return undefined;
  if (given === undefined || !/^\d{1,12}$/.test(given)) return INVALID;
  const seconds = Number(given);
  if (Math.abs(nowSeconds - seconds) <= windowSeconds) return undefined;
  return {
    status: 401,
    message: `Timestamp expired: Given timestamp (${iso(seconds)}) not within ${windowSeconds}s of server time (${iso(nowSeconds)})`,
  };
}

/** 7.4 — first without the prefix, as the PHP library signs, then as received; raw, then decoded. */
function pathsToTry(path: string, prefix: string): Iterable<string> {
  const base = `/${prefix.replace(/^\/+|\/+$/g, '')}`;
  const inside = base !== '/' && path.startsWith(`${base}/`) ? path.slice(base.length) : path;
  return new Set([inside, path, percentDecoded(inside), percentDecoded(path)]);
}

/** 7.4 — libraries differ in what they sign: the text before encoding, or what they wrote into the URL. */
const READINGS: readonly Reading[] = [decodedValue, (pair) => percentDecoded(pair.raw), (pair) => pair.raw];

const readingsToTry = (rawQuery: string): readonly Reading[] =>
  /[%+]/.test(rawQuery) ? READINGS : [decodedValue];

/** 7.4 — the most usual text comes first, the others are made only when it did not fit. */
function* canonicalTexts(request: SignedRequest, pairs: QueryPairs, prefix: string): Generator<string> {
  const signed = pairs.filter(({ name }) => !UNSIGNED.has(name));
  const bodyMd5 = request.body.length > 0 ? md5Hex(request.body) : undefined;
  for (const path of pathsToTry(request.path, prefix))
    for (const reading of readingsToTry(request.rawQuery)) {
      const values = valuesOf(signed, reading);
      if (bodyMd5 !== undefined) values.set('body_md5', bodyMd5);
      yield canonicalText(request.method, path, values);
    }
}

/** 8.2 — `undefined` when one of the app's credentials signed exactly this request. */
export function verifyRequest(
  credentials: readonly Credential[],
  request: SignedRequest,
  options: VerifyOptions,
): HttpRefusal | undefined {
  const pairs = parseQuery(request.rawQuery);
  if (isAmbiguous(request.path, pairs)) return INVALID;
  if ((queryValue(pairs, 'auth_version') ?? '1.0') !== '1.0') return INVALID;
  const late = checkTime(queryValue(pairs, 'auth_timestamp'), options);
  if (late) return late;
  const key = queryValue(pairs, 'auth_key');
  const signature = queryValue(pairs, 'auth_signature');
  const candidates = credentials.filter((credential) => credential.key === key);
  if (signature === undefined || candidates.length === 0) return INVALID;
  for (const text of canonicalTexts(request, pairs, options.prefix))
    if (candidates.some(({ secret }) => equalHex(hmacHex(secret, text), signature))) return undefined;
  return INVALID;
}
