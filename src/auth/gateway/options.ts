import type { TlsPeer } from '../../net/tls-trust.ts';
import type { LaravelCookies } from './laravel-cookie.ts';

export interface GatewayPaths {
  /** Paths for channels, and for users. */
  readonly channel: readonly string[];
  readonly user: readonly string[];
}

export interface SessionOptions {
  /** Names that the session's cookie may have: the first that a request has counts. */
  readonly sessionCookies: readonly string[];
  /** `undefined`: the raw value of the cookie stands for the session. */
  readonly laravelCookies: LaravelCookies | undefined;
  /** Names of cookies that have no effect on a decision, `*` at the end for any rest. */
  readonly ignoredCookies: readonly string[];
}

export interface GatewayOptions extends SessionOptions {
  readonly ttlMs: number;
  /** Time after `ttlMs` for which a decision serves while the app is away; 0: none does. */
  readonly staleMs: number;
  /** Names of headers that have no effect on a decision, beside the known ones. */
  readonly ignoredHeaders: readonly string[];
}

export interface TurnLimits {
  /** Tasks that run at once. */
  readonly atOnce: number;
  /** Tasks that wait, in all and of one address; 0: no limit of an address. */
  readonly waiting: number;
  readonly waitingPerAddress: number;
}

export interface AppUpstreamOptions extends TurnLimits {
  readonly app: TlsPeer;
  readonly timeoutMs: number;
  /** Time for which a request waits for its turn, repeated attempts included. */
  readonly waitMs: number;
  readonly maxAnswerBytes: number;
}
