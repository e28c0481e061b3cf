import { randomUUID } from 'node:crypto';
import type { Control, Terminate } from '../../../core/ports/cluster.ts';
import type { DeadlineScripts } from '../deadline/deadline-scripts.ts';
import type { InvalidData } from '../health/invalid-data.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';

const LONGEST_BYTES = 4096;

interface Needs {
  readonly links: Links;
  readonly keys: Keys;
  readonly deadlines: DeadlineScripts;
  readonly garbage: InvalidData;
  /** An order for an app of another installation came by, and was refused. */
  readonly onForeign?: (app: string) => void;
}

/** What every node is asked to do, this one included; and what a node calls out to itself, to know that it hears. */
export class RedisControl implements Control {
  readonly #links: Links;
  readonly #keys: Keys;
  readonly #deadlines: DeadlineScripts;
  readonly #control: string;
  /** Channels of this node alone: one at every place that messages may come from. */
  readonly #probes: readonly string[];
  readonly #garbage: InvalidData;
  readonly #onForeign: (app: string) => void;
  readonly #silent = new Set<string>();
  #terminate: Terminate = () => undefined;

  constructor(needs: Needs) {
    const { links, keys, garbage, onForeign = () => undefined } = needs;
    this.#links = links;
    this.#keys = keys;
    this.#deadlines = needs.deadlines;
    this.#onForeign = onForeign;
    this.#control = keys.control();
    this.#garbage = garbage;
    const places = links.publishCommand === 'SPUBLISH' ? keys.partitions : 1;
    const call = randomUUID();
    this.#probes = Array.from({ length: places }, (_, partition) => `${keys.bus(partition)}probe:${call}`);
    links.subscriber.events.on('message', (channel, bytes) => {
      if (channel === this.#control) this.#hear(bytes);
      else this.#silent.delete(channel);
    });
  }

  onTerminate(terminate: Terminate): void {
    this.#terminate = terminate;
  }

  async terminate(app: string, user: string): Promise<void> {
    const order = JSON.stringify({ terminate: { app, scope: this.#keys.scopeOf(app), user } });
    await this.#deadlines.send(0, 'tell', [], [this.#links.publishCommand, this.#control, order]);
  }

  /** True when every earlier call has come back. */
  get hears(): boolean {
    return this.#silent.size === 0;
  }

  /** Never rejects. */
  callOut(): void {
    for (const probe of this.#probes) {
      this.#links.publish(probe, '').then(
        () => undefined,
        () => this.#silent.delete(probe),
      );
      this.#silent.add(probe);
    }
  }

  /** The subscriber is up. */
  async listen(): Promise<void> {
    this.#silent.clear();
    await this.#links.subscriber.subscribe([this.#control, ...this.#probes]);
  }

  #hear(bytes: Buffer): void {
    const order = bytes.length > LONGEST_BYTES ? undefined : orderIn(bytes.toString());
    if (order === undefined) this.#garbage.add(this.#control);
    else if (order.scope !== this.#keys.scopeOf(order.app)) this.#onForeign(order.app);
    else this.#terminate(order.app, order.user);
  }
}

interface TerminateOrder {
  readonly app: string;
  /** Names the installation that the app belongs to. */
  readonly scope: string;
  readonly user: string;
}

/** Strict: anything but an order to terminate a user is `undefined`. */
function orderIn(text: string): TerminateOrder | undefined {
  try {
    const { terminate, ...others } = JSON.parse(text) as { terminate?: Record<string, unknown> };
    if (Object.keys(others).length > 0 || Object.keys(terminate ?? {}).length !== 3) return undefined;
    const { app, scope, user } = terminate ?? {};
    const isOrder = typeof app === 'string' && typeof scope === 'string' && typeof user === 'string';
    return isOrder ? { app, scope, user } : undefined;
  } catch {
    return undefined;
  }
}
