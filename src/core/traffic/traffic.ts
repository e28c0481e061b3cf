import { LiveFeed } from '../live/feed.ts';
import { ClosedConnections } from '../live/inspect/closed-connections.ts';
import { AppTraffic } from './app-traffic.ts';
import { DeliveryLatency } from './delivery-latency.ts';

/** Apps that are counted by their own name; all further ones are counted together as `other`. */
export const MAX_COUNTED_APPS = 100;

/** Labels of the traffic of all further apps, and of clients whose app is unknown. */
const OTHER = 'other';
const UNKNOWN = 'unknown';

/** Traffic of this node by app. Bounded: clients cannot add apps. */
export class Traffic {
  readonly unknown = new AppTraffic();
  readonly latency = new DeliveryLatency();
  /** Each thing that happens, for those who look now. */
  readonly live = new LiveFeed();
  /** The connections that have just closed, for operators. */
  readonly closed = new ClosedConnections();
  readonly #byApp = new Map([[UNKNOWN, this.unknown]]);

  /** The counts of a configured app; the same object each time. */
  of(app: string): AppTraffic {
    const known = this.#byApp.get(app);
    if (known !== undefined) return known;
    const label = this.#byApp.size > MAX_COUNTED_APPS ? OTHER : app;
    const traffic = this.#byApp.get(label) ?? new AppTraffic();
    this.#byApp.set(label, traffic);
    return traffic;
  }

  apps(): Iterable<readonly [label: string, traffic: AppTraffic]> {
    return this.#byApp;
  }
}
