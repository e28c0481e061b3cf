import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { StaticApps } from '../../../src/apps/static.ts';
import { parseRules } from '../../../src/auth/rules/parse-rules.ts';
import { SECRET_ALGORITHMS } from '../../../src/auth/tokens/algorithms.ts';
import { openTokens } from '../../../src/auth/tokens/index.ts';
import type { TokenChecks, TokenOptions } from '../../../src/auth/tokens/options.ts';
import { FakeLogger, testApp } from '../../core/fakes.ts';

export const SECRET = 'a secret of the tests, of 32 bytes and more';
/** Time of every clock in these tests. */
export const NOW_SECONDS = 1_800_000_000;

/** Claims of a token that is valid for an hour. */
export const CLAIMS = { sub: '7', name: 'Ada', iat: NOW_SECONDS, exp: NOW_SECONDS + 3600 };

/** A token by a stock library. */
export const issue = (
  claims: Readonly<Record<string, unknown>> = CLAIMS,
  key: KeyObject | Uint8Array = Buffer.from(SECRET),
  header: { readonly alg: string; readonly kid?: string; readonly typ?: string } = { alg: 'HS256' },
): Promise<string> => new SignJWT(claims).setProtectedHeader(header).sign(key);

export const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A token whose header and claims are any texts, with a good HS256 signature: only what they say can be wrong. */
export function forge(header: unknown, claims: unknown = CLAIMS, secret: string | Buffer = SECRET): string {
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

export const rsaKeys = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
export const ecKeys = (namedCurve = 'P-256') => generateKeyPairSync('ec', { namedCurve });
export const edKeys = () => generateKeyPairSync('ed25519');

export const CHECKS: TokenChecks = {
  algorithms: SECRET_ALGORITHMS,
  maxCharacters: 8192,
  issuers: [],
  audiences: [],
  toleranceSeconds: 5,
  requiresExpiry: true,
  maxLifetimeSeconds: 366 * 24 * 3600,
};

/** The rules of a text that must be good. */
export function rulesOf(given: object) {
  const problems: string[] = [];
  const rules = parseRules(JSON.stringify(given), problems);
  if (rules === undefined) throw new Error(problems.join('\n'));
  return rules;
}

export interface TokenChanges extends Partial<Omit<TokenOptions, 'checks' | 'rules'>> {
  readonly checks?: Partial<TokenChecks>;
  readonly rules?: object;
}

/** Rights of tokens of one secret, for the app of the tests. */
export function openTestTokens({ checks, rules = { rules: [] }, ...changes }: TokenChanges = {}) {
  const logger = new FakeLogger();
  const clock = { nowMs: NOW_SECONDS * 1000 };
  const app = testApp();
  const options: TokenOptions = {
    keys: { kind: 'secrets', secrets: [Buffer.from(SECRET)] },
    checks: { ...CHECKS, ...checks },
    rules: rulesOf(rules),
    app: app.id,
    asksOtherwise: false,
    closesExpired: false,
    ...changes,
  };
  const opened = openTokens(options, { apps: new StaticApps([app]), clock: () => clock.nowMs, logger });
  /** The cause for which a token is refused; `valid`. */
  const faultOf = (token: string): Promise<string> =>
    opened.verifier.verify(token).then(
      () => 'valid',
      (error: unknown) => (error as { fault?: string }).fault ?? String(error),
    );
  return { ...opened, app, clock, logger, faultOf };
}
