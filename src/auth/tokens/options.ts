import type { KeyObject } from 'node:crypto';
import type { RuleSet } from '../rules/rule-set.ts';
import type { Algorithm } from './algorithms.ts';

/** The address of a key set, and when it is fetched (SPEC 15.3). */
export interface KeySetOptions {
  readonly url: URL;
  readonly timeoutMs: number;
  /** Least time between two fetches. */
  readonly cooldownMs: number;
  /** Age at which the set is fetched again. */
  readonly maxAgeMs: number;
}

/** A source of keys; the key is never a text, so that no message can show it. */
export type KeyOptions =
  | { readonly kind: 'secrets'; readonly secrets: readonly Uint8Array[] }
  | { readonly kind: 'public'; readonly keys: readonly KeyObject[] }
  | ({ readonly kind: 'key-set' } & KeySetOptions);

/** Checks that a token must pass (SPEC 15.1, 15.2). */
export interface TokenChecks {
  readonly algorithms: readonly Algorithm[];
  readonly maxCharacters: number;
  /** Empty: any. */
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
  readonly toleranceSeconds: number;
  readonly requiresExpiry: boolean;
  /** 0: no limit but the year 9999. */
  readonly maxLifetimeSeconds: number;
}

/** Everything that is set about tokens. */
export interface TokenOptions {
  readonly keys: KeyOptions;
  readonly checks: TokenChecks;
  readonly rules: RuleSet;
  /** Id of the app that the tokens are for. */
  readonly app: string;
  /** True when channels that no rule covers are left to the app, which the gateway asks. */
  readonly asksOtherwise: boolean;
  /** SPEC 15.6: sockets are closed when their right ends. */
  readonly closesExpired: boolean;
}
