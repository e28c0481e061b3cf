import type { Stores } from '../../core/ports/stores.ts';
import type { BridgeCounts } from '../status/bridge-counters.ts';

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
