import type { WatchLimits } from '../watch-limits.ts';

/** The upstream (Reverb) and how it is reached. Its `/app` and `/apps` are below the path of the URL. */
export interface Upstream {
  /** `http:` or `https:`. */
  readonly url: URL;
  /** `Origin` that the bridge's connections send; none when it is not set. */
  readonly origin?: string | undefined;
  /** Certificates (PEM) that are trusted besides the usual ones. */
  readonly tlsCa?: string | undefined;
  /** False: its certificate is not verified. */
  readonly tlsVerify: boolean;
}

/** Limits of the events that wait to be forwarded, per app; more or older ones are dropped and counted (SPEC 11.7). */
export interface QueueLimits {
  readonly events: number;
  readonly bytes: number;
  readonly ageMs: number;
}

export type Sticky = 'cookie' | 'address';

/** Everything about the cutover that an operator may set. */
export interface CutoverOptions {
  readonly upstream: Upstream;
  /** First share for Wavehall; later it is set by an operator. */
  readonly percent: number;
  readonly sticky: Sticky;
  /** True: requests without a route here go to the upstream. */
  readonly proxyHttp: boolean;
  /** Time without a byte after which a proxied socket is ended; 0: never. */
  readonly idleMs: number;
  /** Largest request that the upstream accepts; 0: not checked. */
  readonly requestBytes: number;
  readonly queue: QueueLimits;
  readonly watch: WatchLimits;
  readonly notifyUrl: URL | undefined;
}
