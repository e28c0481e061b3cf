import { createHash, randomInt } from 'node:crypto';
import type { Side, Sticky } from '../ports.ts';

const BUCKETS = 10_000;
const COOKIE = 'wavehall_bucket';
const COOKIE_SECONDS = 30 * 24 * 3600;
const IN_COOKIES = new RegExp(String.raw`(?:^|;)\s*${COOKIE}=(\d{1,4})\s*(?:;|$)`);

/** What a request tells of the browser that sent it. */
export interface ClientInfo {
  readonly address: string;
  /** Over TLS, as far as the browser is concerned. */
  readonly secure: boolean;
  /** The other end of the socket is a proxy whose word counts. */
  readonly viaProxy: boolean;
}

export interface Clues {
  readonly visitor: ClientInfo;
  readonly cookie: string | undefined;
  readonly origin: string | undefined;
  readonly userAgent: string | undefined;
}

export interface BucketChoice {
  readonly bucket: number;
  /** The header line that makes the browser keep its bucket. */
  readonly cookieLine: string | undefined;
}

/** SPEC 11.1: the lower buckets come first, so raising the percentage moves nobody back. */
export const sideOf = (bucket: number, percent: number): Side =>
  bucket < Math.round((percent * BUCKETS) / 100) ? 'wavehall' : 'upstream';

/**
 * SPEC 11.1: the bucket that a browser has already, or is given now. A client without a page keeps no cookie, and its
 * address is that of everybody behind one carrier: each of its connections is given a bucket, so that their share is one.
 */
export function chooseBucket(sticky: Sticky, { visitor, cookie, origin, userAgent }: Clues): BucketChoice {
  const kept = sticky === 'cookie' ? IN_COOKIES.exec(cookie ?? '')?.[1] : undefined;
  if (kept !== undefined) return { bucket: Number(kept), cookieLine: undefined };
  if (sticky === 'address')
    return { bucket: hashed(`${visitor.address} ${userAgent ?? ''}`), cookieLine: undefined };
  const bucket = randomInt(BUCKETS);
  return { bucket, cookieLine: origin === undefined ? undefined : cookieLine(bucket, visitor.secure) };
}

const hashed = (text: string): number =>
  Number(createHash('sha256').update(text).digest().readBigUInt64BE() % BigInt(BUCKETS));

/** A page of another site keeps the cookie only with `SameSite=None`, which browsers take over TLS only. */
const cookieLine = (bucket: number, secure: boolean): string =>
  `Set-Cookie: ${COOKIE}=${bucket}; Path=/; Max-Age=${COOKIE_SECONDS}; HttpOnly; ${secure ? 'SameSite=None; Secure' : 'SameSite=Lax'}`;
