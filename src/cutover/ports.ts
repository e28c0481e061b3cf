import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Stores } from '../core/ports/cluster.ts';
import type { UpgradeContext } from '../core/ports/transport.ts';
import type { BridgeCounts } from './status/bridge-counters.ts';
import type { WatchLimits } from './watch-limits.ts';

/** This server, and the other one that clients and publishers are being moved away from. */
export type Side = 'wavehall' | 'upstream';

/** The other server: where it is and how it is reached. Its `/app` and `/apps` are below the path of the URL. */
export interface Upstream {
  /** `http:` or `https:`. */
  readonly url: URL;
  /** `Origin` that the bridge's own sockets send; none when it is not set. */
  readonly origin?: string | undefined;
  /** Certificates (PEM) that are trusted besides the usual ones. */
  readonly tlsCa?: string | undefined;
  /** False: whoever answers at the address is trusted. */
  readonly tlsVerify: boolean;
}

/** How much may wait to be forwarded, per app; what is more or older is dropped and counted (SPEC 11.7). */
export interface QueueLimits {
  readonly events: number;
  readonly bytes: number;
  readonly ageMs: number;
}

export type Sticky = 'cookie' | 'address';

/** Everything about the cutover that an operator may set. */
export interface CutoverOptions {
  readonly upstream: Upstream;
  /** Share for Wavehall before anybody has set one. */
  readonly percent: number;
  readonly sticky: Sticky;
  /** Whether other HTTP requests are passed to the other server. */
  readonly pass: boolean;
  /** Time after which a socket through which no byte passes is ended; 0: never. */
  readonly idleMs: number;
  /** The largest request that the other server takes; 0: not looked at. */
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

// --- the bridge --------------------------------------------------------------------------------

/** The state of one app's bridge; its counters are the rows of `BRIDGE_COUNTERS`. */
export interface BridgeState extends Readonly<BridgeCounts> {
  readonly app: string;
  readonly connected: boolean;
  /** Channels subscribed at the upstream. */
  readonly channels: number;
  /** Members of this node that are members there. */
  readonly members: number;
  /** Connections of the bridge to the upstream. */
  readonly connections: number;
  readonly queue: { readonly events: number; readonly bytes: number; readonly oldestMs: number };
  /** Counts of what was not carried across, by reason: `queue-full`, `too-old`, `refused`, `not-bridged` and others. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Round trip of the last ping to the upstream; `undefined` before the first. */
  readonly lagMs: number | undefined;
  readonly lastError: string | undefined;
}

export interface Bridge {
  start(): void;
  stop(): Promise<void>;
  state(): readonly BridgeState[];
  /** True while other nodes proxy browsers to the upstream. */
  othersProxy(): boolean;
  /** How long a channel has been subscribed at the upstream without a break; 0 when it is not at this moment. */
  subscribedForMs(app: string, channel: string): number;
  /** The same stores; what goes through them reaches the upstream as well. */
  bridged(stores: Stores): Stores;
}

// --- health ------------------------------------------------------------------------------------

/** What this server itself failed in while it served a client. */
export type Fault = 'connects' | 'subscribes';

/**
 * What the door, the bridge, the API and the canary report. No member may throw. Nothing that a client decides may be
 * judged: neither how often it comes, nor what it sends, nor how it goes (SPEC 11.14).
 */
export interface HealthSink {
  /** A connect of our own canary. */
  connect(side: Side, ok: boolean, ms: number): void;
  /** A subscription of our own canary. */
  subscribe(side: Side, ok: boolean): void;
  /** A request to the HTTP API with a valid signature. */
  api(side: Side, ok: boolean): void;
  canary(from: Side, to: Side, ok: boolean, ms: number): void;
  /** A fault of this server's own at a client, judged at most once a second however many clients meet it. */
  fault(of: Fault): void;
  /** A client's connect: shown, never judged. True: it was answered, however soon and however it ended. */
  client(side: Side, ok: boolean, ms: number): void;
}

// --- the percentage ----------------------------------------------------------------------------

/** What all nodes share about the split (SPEC 11.4). */
export interface PercentageState {
  /** Share for Wavehall, 0 to 100, at most two decimals. */
  readonly percent: number;
  /** The latest percentage that held without a breach. */
  readonly lastGood: number;
  readonly changedAtMs: number;
  readonly changedBy: string;
  /** Whether sockets that were on the wrong side after the change were asked to come again. */
  readonly move: boolean;
}

export interface Percentage {
  readonly percent: number;
  readonly lastGood: number;
  readonly state: PercentageState;
  /** False while other nodes or the next start may not know of the last change. */
  readonly isShared: boolean;
  /**
   * Counts on this node at once and on the others within about a second; resolves when it is shared or could not be.
   * With `move`, sockets whose side changes are asked to come again. Throws a `RangeError` for what is no percentage.
   */
  set(percent: number, by: string, move?: boolean): Promise<void>;
  /** Writes `lastGood`; what `set` leaves alone. */
  markGood(percent: number): Promise<void>;
  /** Called after every change, made here or elsewhere. */
  onChange(listener: (percent: number, move: boolean) => void): void;
}
