import { hash } from 'node:crypto';
import type { HeaderLine } from '../../net/headers.ts';
import type { SessionOptions } from './options.ts';

/** Whose decisions an answer is one of: digests, from which nothing can be read. */
export interface Credentials {
  readonly bearer: string | undefined;
  readonly session: string | undefined;
  /** The cookies beside the session's that may have an effect on a decision, as one text. */
  readonly cookies: string;
}

/** Digest under which a session or a token is known to the decisions, and by which it is forgotten. */
export const ownerDigest = (kind: 'session' | 'bearer', secret: string): string =>
  hash('sha256', `wavehall ${kind}\n${secret}`, 'base64url');

/** SPEC 14.3: who asks. `undefined`: nothing of this request is remembered. */
export function credentialsIn(
  headers: readonly HeaderLine[],
  options: SessionOptions,
): Credentials | undefined {
  const bearer = bearerIn(headers);
  const session = sessionIn(headers, options);
  if (bearer === INVALID || session === INVALID) return undefined;
  if (bearer === undefined && session === undefined) return undefined;
  return { bearer, session, cookies: otherCookies(headers, options) };
}

const INVALID = Symbol('invalid');

const valuesOf = (headers: readonly HeaderLine[], name: string): string[] =>
  headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);

function bearerIn(headers: readonly HeaderLine[]): string | typeof INVALID | undefined {
  const [authorization, second] = valuesOf(headers, 'authorization');
  if (authorization === undefined) return undefined;
  const token = /^bearer +(\S+) *$/i.exec(authorization)?.[1];
  return token === undefined || second !== undefined ? INVALID : ownerDigest('bearer', token);
}

function sessionIn(
  headers: readonly HeaderLine[],
  { sessionCookies, laravelCookies }: SessionOptions,
): string | typeof INVALID | undefined {
  const found = cookiesIn(headers).filter(([name]) => sessionCookies.includes(name));
  const [cookie, second] = found;
  if (cookie === undefined) return undefined;
  if (second !== undefined) return INVALID;
  const [name, value] = cookie;
  const id = laravelCookies === undefined ? value : laravelCookies.read(name, value);
  return id === undefined || id === '' ? INVALID : ownerDigest('session', id);
}

function otherCookies(
  headers: readonly HeaderLine[],
  { sessionCookies, ignoredCookies }: SessionOptions,
): string {
  const others = cookiesIn(headers).filter(
    ([name]) => !sessionCookies.includes(name) && !ignoredCookies.some((pattern) => isNamed(name, pattern)),
  );
  return JSON.stringify(others);
}

/** Compares a name with a pattern that may end in `*`. */
export const isNamed = (name: string, pattern: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

/** Cookies in their order, as they were written. */
function cookiesIn(headers: readonly HeaderLine[]): (readonly [name: string, value: string])[] {
  return valuesOf(headers, 'cookie')
    .flatMap((line) => line.split(';'))
    .map((pair) => {
      const at = pair.indexOf('=');
      return at < 0
        ? ([pair.trim(), ''] as const)
        : ([pair.slice(0, at).trim(), pair.slice(at + 1).trim()] as const);
    })
    .filter(([name]) => name !== '');
}
