import { createHash, randomInt } from 'node:crypto';
import type { Sticky } from '../ports/options.ts';
import type { Side } from '../sides.ts';

const BUCKETS = 10_000;
const COOKIE = 'wavehall_bucket';
const COOKIE_SECONDS = 30 * 24 * 3600;
const IN_COOKIES = new RegExp(String.raw`(?:^|;)\s*${COOKIE}=(\d{1,4})\s*(?:;|$)`);

/** The client of a request, behind its proxies. */
export interface ClientInfo {
  readonly address: string;
  /** True when the browser used TLS. */
  readonly secure: boolean;
  /** True when the request came through a trusted proxy. */
  readonly viaProxy: boolean;
}

export interface SplitInput {
  readonly client: ClientInfo;
  readonly cookie: string | undefined;
  readonly origin: string | undefined;
  readonly userAgent: string | undefined;
}

export interface BucketChoice {
  readonly bucket: number;
  /** The header line that makes the browser keep its bucket. */
  readonly cookieLine: string | undefined;
}

/** SPEC 11.1: the lower buckets move first, so raising the percentage moves no browser back. */
export const sideOf = (bucket: number, percent: number): Side =>
  bucket < Math.round((percent * BUCKETS) / 100) ? 'wavehall' : 'upstream';

/**
 * SPEC 11.1: the bucket of the browser's cookie, or a new one. A client without a page keeps no cookie, and thousands may
 * share its address: each of its connections gets a bucket of its own.
 */
export function chooseBucket(
  sticky: Sticky,
  { client, cookie, origin, userAgent }: SplitInput,
): BucketChoice {
  const kept = sticky === 'cookie' ? IN_COOKIES.exec(cookie ?? '')?.[1] : undefined;
  if (kept !== undefined) return { bucket: Number(kept), cookieLine: undefined };
  if (sticky === 'address')
    return { bucket: hashed(`${client.address} ${userAgent ?? ''}`), cookieLine: undefined };
  const bucket = randomInt(BUCKETS);
  return { bucket, cookieLine: origin === undefined ? undefined : cookieLine(bucket, client.secure) };
}

const hashed = (text: string): number =>
  Number(createHash('sha256').update(text).digest().readBigUInt64BE() % BigInt(BUCKETS));

/** A page of another site keeps the cookie only with `SameSite=None`, which browsers accept over TLS only. */
const cookieLine = (bucket: number, secure: boolean): string =>
  `Set-Cookie: ${COOKIE}=${bucket}; Path=/; Max-Age=${COOKIE_SECONDS}; HttpOnly; ${secure ? 'SameSite=None; Secure' : 'SameSite=Lax'}`;
