import type { Claims } from '../rules/claims.ts';
import { TokenError } from './faults.ts';
import type { TokenChecks } from './options.ts';

/** The last second of the year 9999: what is later was meant to be milliseconds. */
const LAST_SECOND = 253_402_300_799;

/** SPEC 15.2: checks the claims about time, issuer and audience. Throws `TokenError`. Returns when the right ends. */
export function checkClaims(claims: Claims, checks: TokenChecks, nowMs: number): number | undefined {
  const nowSeconds = nowMs / 1000;
  const endsAtMs = checkTimes(claims, checks, nowSeconds);
  const { issuers, audiences } = checks;
  if (issuers.length > 0 && !issuers.some((issuer) => issuer === claims.iss)) throw new TokenError('issuer');
  if (audiences.length > 0 && !audiences.some((audience) => isFor(claims.aud, audience)))
    throw new TokenError('audience');
  return endsAtMs;
}

const isFor = (claim: unknown, audience: string): boolean =>
  claim === audience || (Array.isArray(claim) && claim.includes(audience));

function checkTimes(claims: Claims, checks: TokenChecks, nowSeconds: number): number | undefined {
  const { toleranceSeconds, requiresExpiry, maxLifetimeSeconds } = checks;
  const [exp, nbf, iat] = [timeIn(claims, 'exp'), timeIn(claims, 'nbf'), timeIn(claims, 'iat')];
  if (exp === undefined && requiresExpiry) throw new TokenError('no_expiry');
  if (exp !== undefined && exp + toleranceSeconds <= nowSeconds) throw new TokenError('expired');
  if (exp !== undefined && maxLifetimeSeconds > 0 && exp - nowSeconds > maxLifetimeSeconds)
    throw new TokenError('expiry_too_far');
  if (nbf !== undefined && nbf - toleranceSeconds > nowSeconds) throw new TokenError('not_yet_valid');
  if (iat !== undefined && iat - toleranceSeconds > nowSeconds) throw new TokenError('issued_in_future');
  return exp === undefined ? undefined : (exp + toleranceSeconds) * 1000;
}

function timeIn(claims: Claims, name: 'exp' | 'nbf' | 'iat'): number | undefined {
  if (!Object.hasOwn(claims, name)) return undefined;
  const value = claims[name];
  if (typeof value !== 'number' || !(Math.abs(value) <= LAST_SECOND)) throw new TokenError('invalid_time');
  return value;
}
