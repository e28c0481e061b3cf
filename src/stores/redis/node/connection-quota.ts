import { exceeds } from '#protocol';
import type { ConnectionQuota } from '../../../core/ports/cluster.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import type { ClusterNode } from './node.ts';
import { run } from '../link/scripts.ts';

/** How many sockets each node has of an app: absolute numbers, so that telling them twice changes nothing. */
export class RedisConnectionQuota implements ConnectionQuota {
  readonly #links: Links;
  readonly #keys: Keys;
  readonly #node: ClusterNode;
  readonly #sockets = new Map<string, number>();
  #changed = new Set<string>();

  constructor(needs: { links: Links; keys: Keys; node: ClusterNode }) {
    this.#links = needs.links;
    this.#keys = needs.keys;
    this.#node = needs.node;
  }

  /** Counts over the cluster; while Redis is away, over this node. */
  async admit(app: string, limit: number): Promise<boolean> {
    this.#add(app, 1);
    if (limit === 0) {
      this.#tellSoon(app);
      return true;
    }
    const isAdmitted = await this.#ask(app, limit)
      .then(([admitted]) => admitted)
      .catch(() => !exceeds(this.#sockets.get(app) ?? 0, limit));
    if (!isAdmitted) this.dismiss(app);
    return isAdmitted;
  }

  dismiss(app: string): void {
    this.#add(app, -1);
    this.#tellSoon(app);
  }

  async connections(app: string): Promise<number> {
    const [, total] = await this.#ask(app, 0);
    return total;
  }

  /** Tells all numbers: after an outage, and as a new incarnation. */
  tellAll(): void {
    for (const app of this.#sockets.keys()) this.#tellSoon(app);
  }

  #add(app: string, change: 1 | -1): void {
    const sockets = (this.#sockets.get(app) ?? 0) + change;
    if (sockets > 0) this.#sockets.set(app, sockets);
    else this.#sockets.delete(app);
  }

  #tellSoon(app: string): void {
    this.#changed.add(app);
    if (this.#changed.size > 1) return;
    setImmediate(() => {
      const apps = this.#changed;
      this.#changed = new Set();
      if (this.#node.isAttached) for (const each of apps) this.#ask(each, 0).catch(() => undefined);
    });
  }

  async #ask(app: string, limit: number): Promise<[admitted: boolean, total: number]> {
    const keys = [this.#keys.nodes(0), this.#keys.connections(app)];
    const args = [this.#node.id, this.#sockets.get(app) ?? 0, limit];
    const [admitted, total] = (await run(this.#links.commands, 'connect', keys, args)) as [number, number];
    return [admitted === 1, total];
  }
}
