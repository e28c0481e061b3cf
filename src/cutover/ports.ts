import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { UpgradeContext } from '../core/ports/transport.ts';
import type { WatchLimits } from './watch-limits.ts';

/** This server, and the upstream that clients and publishers are moved away from. */
export type Side = 'wavehall' | 'upstream';

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

/** The part of this server's transport that the front door uses: the cutover reaches a transport in no other way. */
export interface UpgradeHandler {
  /** Serves one upgrade, or refuses it; `context` changes this upgrade alone. */
  upgrade(request: IncomingMessage, network: Duplex, head: Buffer, context?: UpgradeContext): void;
  /** Writes the last bytes of a socket, drops what its client still sends, and ends it in bounded time. */
  endGracefully(network: Duplex, lastBytes: string | Buffer): void;
}

// --- health ------------------------------------------------------------------------------------

/** Failures of this server itself while it serves a client. */
export type Fault = 'connects' | 'subscribes';

/**
 * Receives the reports of front door, bridge, HTTP API and canary. No member may throw. Nothing that a client decides may
 * be judged: neither how often it connects, nor what it sends, nor how it disconnects (SPEC 11.14).
 */
export interface HealthSink {
  /** Records a connect of our own canary. */
  connect(side: Side, ok: boolean, ms: number): void;
  /** Records a subscription of our own canary. */
  subscribe(side: Side, ok: boolean): void;
  /** Records a request to the HTTP API with a valid signature. */
  api(side: Side, ok: boolean): void;
  canary(from: Side, to: Side, ok: boolean, ms: number): void;
  /** Records a fault of this server, at most once a second however many clients meet it. */
  fault(of: Fault): void;
  /** Records a client's connect: shown, never judged. `ok`: it was answered, whenever and however it ended. */
  client(side: Side, ok: boolean, ms: number): void;
}

// --- the percentage ----------------------------------------------------------------------------

/** State of the split that all nodes share (SPEC 11.4). */
export interface PercentageState {
  /** Share for Wavehall, 0 to 100, at most two decimals. */
  readonly percent: number;
  /** The latest percentage that held without a breach. */
  readonly lastGood: number;
  readonly changedAtMs: number;
  readonly changedBy: string;
  /** True when sockets on the wrong side after the change were asked to reconnect. */
  readonly move: boolean;
}

export interface Percentage {
  readonly percent: number;
  readonly lastGood: number;
  readonly state: PercentageState;
  /** False while the last change is not shared with other nodes and the next start. */
  readonly isShared: boolean;
  /**
   * Counts on this node at once and on the others within about a second; resolves when it is shared or could not be.
   * With `move`, sockets whose side changes are asked to reconnect. Throws a `RangeError` for an invalid percentage.
   */
  set(percent: number, by: string, move?: boolean): Promise<void>;
  /** Writes `lastGood`, which `set` does not change. */
  markGood(percent: number): Promise<void>;
  /** Calls the listener after every change, on this node or another. */
  onChange(listener: (percent: number, move: boolean) => void): void;
}
