import { createHash, timingSafeEqual } from 'node:crypto';

/** True for `Bearer {token}` (SPEC 11.5). Compares in constant time. */
export function isBearer(authorization: string | undefined, token: string): boolean {
  return isToken(/^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '', token);
}

/** Compares in constant time. */
export const isToken = (given: string, token: string): boolean =>
  timingSafeEqual(digest(given), digest(token)) && given !== '';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
