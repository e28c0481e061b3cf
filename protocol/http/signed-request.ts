import {
  parseQuery,
  percentDecoded,
  type QueryPairs,
  type QueryValues,
  readingsOf,
  valuesOf,
} from './query.ts';
import { canonicalText, type Credential, equalHex, hmacHex, md5Hex } from '../signature.ts';

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
  /** True when only the time is wrong. */
  readonly isTimestampOff: boolean;
  /** For the operator's log: the property that is missing. Of the query it shows the time alone, and no secret. */
  readonly expected: string;
}

const invalid = (expected: string): HttpRefusal => ({
  status: 401,
  message: 'Authentication signature invalid.',
  isTimestampOff: false,
  expected,
});
const AMBIGUOUS = invalid('a path and query that can be read in one way only, with each auth parameter once');
const NO_VERSION = invalid('auth_version 1.0');
const NO_TIME = invalid('auth_timestamp: Unix time in seconds');
const NO_KEY = invalid('auth_key: a key of this app');
const NO_SIGNATURE = invalid('auth_signature: 64 hexadecimal digits');
const OTHER_BODY = invalid('body_md5 of the body that arrived; does a proxy change bodies?');
const otherSignature = (method: string, path: string): HttpRefusal =>
  invalid(
    `a signature with the secret of this app over ${method.toUpperCase()} ${path.slice(0, 200)} and the query`,
  );

const ONCE = new Set(['auth_key', 'auth_timestamp', 'auth_version', 'auth_signature', 'body_md5']);
const UNSIGNED = new Set(['auth_signature', 'body_md5', 'appid', 'appkey', 'channelname']);

/** Characters that would move the borders between the parts of the canonical text. */
const UNCLEAR_PATH = /\p{Cc}/u;
/** Ends the path for a router, but not for a signature. */
const FRAGMENT = '#';
const UNCLEAR_NAME = /[&=\p{Cc}]/u;
const UNCLEAR_VALUE = /[&\p{Cc}]/u;

/** A parameter of the signature itself is written once, and not as a list. */
function isRepeated(pairs: QueryPairs): boolean {
  const seen = new Set<string>();
  return pairs.some(({ name, list }) => ONCE.has(name) && (list || seen.size === seen.add(name).size));
}

/** 8.2 — true when another request could have the same canonical text. */
const isAmbiguous = (path: string, pairs: QueryPairs): boolean =>
  path.includes(FRAGMENT) ||
  UNCLEAR_PATH.test(percentDecoded(path)) ||
  pairs.some(({ name, value }) => UNCLEAR_NAME.test(name) || UNCLEAR_VALUE.test(value)) ||
  isRepeated(pairs);

const iso = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;

const apart = (seconds: number): string => `${Math.abs(seconds)} s ${seconds < 0 ? 'behind' : 'ahead'}`;

/** 8.2 — accepts a time inside the window, both ends included. */
function checkTime(given: string | undefined, options: VerifyOptions): HttpRefusal | undefined {
  const { nowSeconds, windowSeconds } = options;
  if (windowSeconds <= 0) return undefined;
  if (given === undefined || !/^\d{1,12}$/.test(given)) return NO_TIME;
  const seconds = Number(given);
  if (Math.abs(nowSeconds - seconds) <= windowSeconds) return undefined;
  return {
    status: 401,
    message: `Timestamp expired: Given timestamp (${iso(seconds)}) not within ${windowSeconds}s of server time (${iso(nowSeconds)})`,
    isTimestampOff: true,
    expected: `a time at most ${windowSeconds} s away; the request's is ${apart(seconds - nowSeconds)}`,
  };
}

/** 7.4 — first without the prefix, as the PHP library signs, then as received; raw, then decoded. */
function pathsToTry(path: string, prefix: string): Iterable<string> {
  const base = `/${prefix.replace(/^\/+|\/+$/g, '')}`;
  const inside = base !== '/' && path.startsWith(`${base}/`) ? path.slice(base.length) : path;
  return new Set([inside, path, ...decodedPath(inside), ...decodedPath(path)]);
}

/**
 * 7.4 — the decoded form of a path that is no other path's: one in which no escape stands for `/` or `%`. Otherwise a
 * signature over `/channels/a/users` would also be one for the channel `a/users`.
 */
function decodedPath(path: string): readonly string[] {
  const decoded = percentDecoded(path);
  return /%2f/i.test(path) || decoded.includes('%') ? [] : [decoded];
}

/** 7.4 — the most usual text comes first, the others are made only when it did not fit. */
function* canonicalTexts(request: SignedRequest, values: QueryValues, prefix: string): Generator<string> {
  const signed = new Map([...values].filter(([name]) => !UNSIGNED.has(name)));
  if (request.body.length > 0) signed.set('body_md5', md5Hex(request.body));
  for (const path of pathsToTry(request.path, prefix)) yield canonicalText(request.method, path, signed);
}

/** 7.4 — the query of the usual libraries: nothing to decode, each parameter once, in the order in which they are signed. */
const USUAL_QUERY =
  /^(auth_key=([\w.-]+)&auth_timestamp=(\d{1,12})&auth_version=1\.0&body_md5=([0-9a-f]{32}))&auth_signature=([0-9a-f]{64})$/;
const USUAL_PATH = /^[\w/.-]+$/;

/** 8.2 — verifies requests in the usual spelling fast; `undefined` decides nothing. */
function usualValues(
  credentials: readonly Credential[],
  { method, path, rawQuery, body }: SignedRequest,
  options: VerifyOptions,
): QueryValues | undefined {
  const found = USUAL_QUERY.exec(rawQuery);
  if (found === null || body.length === 0 || !USUAL_PATH.test(path)) return undefined;
  const [, signed, key, timestamp, bodyMd5, signature = ''] = found;
  if (bodyMd5 !== md5Hex(body) || checkTime(timestamp, options) !== undefined) return undefined;
  const text = `${method.toUpperCase()}\n${path}\n${signed}`;
  const fits = credentials.some(
    (each) => each.key === key && equalHex(hmacHex(each.secret, text), signature),
  );
  return fits ? new Map([['auth_signature', signature]]) : undefined;
}

/** The signed values, the only ones to act upon, or the refusal. */
export type Verdict =
  { readonly values: QueryValues; readonly refusal?: undefined } | { readonly refusal: HttpRefusal };

/**
 * 7.4, 8.2 — checks that one of the app's credentials signed exactly this request. The values are those of the text that was
 * signed, so that a signature has one meaning however the query is written.
 */
export function verifyRequest(
  credentials: readonly Credential[],
  request: SignedRequest,
  options: VerifyOptions,
): Verdict {
  const values = usualValues(credentials, request, options);
  return values === undefined ? verifyAny(credentials, request, options) : { values };
}

/** Verifies a request in any spelling. The refusal is that of the usual reading, which is the first. */
function verifyAny(
  credentials: readonly Credential[],
  request: SignedRequest,
  options: VerifyOptions,
): Verdict {
  const pairs = parseQuery(request.rawQuery);
  if (isAmbiguous(request.path, pairs)) return { refusal: AMBIGUOUS };
  let first: HttpRefusal | undefined;
  for (const reading of readingsOf(request.rawQuery)) {
    const values = valuesOf(pairs, reading);
    const refusal = refusalOf(credentials, request, values, options);
    if (refusal === undefined) return { values };
    first ??= refusal;
  }
  return { refusal: first ?? AMBIGUOUS };
}

/** `undefined` when these values were signed. */
function refusalOf(
  credentials: readonly Credential[],
  request: SignedRequest,
  values: QueryValues,
  options: VerifyOptions,
): HttpRefusal | undefined {
  if ((values.get('auth_version') ?? '1.0') !== '1.0') return NO_VERSION;
  const late = checkTime(values.get('auth_timestamp'), options);
  if (late) return late;
  const candidates = credentials.filter(({ key }) => key === values.get('auth_key'));
  if (candidates.length === 0) return NO_KEY;
  const signature = values.get('auth_signature');
  for (const text of canonicalTexts(request, values, options.prefix))
    if (candidates.some(({ secret }) => equalHex(hmacHex(secret, text), signature))) return undefined;
  return whyNot(request, values);
}

/** 8.2 — the likeliest reason for which no text fitted. */
function whyNot({ method, path, body }: SignedRequest, values: QueryValues): HttpRefusal {
  if (!/^[0-9a-f]{64}$/.test(values.get('auth_signature') ?? '')) return NO_SIGNATURE;
  if (body.length > 0 && values.get('body_md5') !== md5Hex(body)) return OTHER_BODY;
  return otherSignature(method, path);
}
