import type { RuleSet } from '../rules/rule-set.ts';
import type { Algorithm } from './algorithms.ts';
import type { KeyOptions } from './key-options.ts';

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
