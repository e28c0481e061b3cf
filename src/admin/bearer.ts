import { createHash, timingSafeEqual } from 'node:crypto';

/** SPEC 11.5: true for `Bearer {token}`; takes the same time however much of a wrong one is right. */
export function isBearer(authorization: string | undefined, token: string): boolean {
  const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(given), digest(token)) && given !== '';
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
