import { exceeds } from '#protocol';
import type { ConnectionQuota } from '../../../core/ports/stores.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import type { ClusterNode } from './node.ts';
import { runScript } from '../link/scripts.ts';

/** Counts each node's sockets of an app. Nodes send absolute numbers, so that sending one twice changes nothing. */
export class RedisConnectionQuota implements ConnectionQuota {
  readonly #links: Links;
  readonly #keys: Keys;
  readonly #node: ClusterNode;
  readonly #sockets = new Map<string, number>();
  #changed = new Set<string>();

  constructor(deps: { links: Links; keys: Keys; node: ClusterNode }) {
    this.#links = deps.links;
    this.#keys = deps.keys;
    this.#node = deps.node;
  }

  /** Counts over the cluster; while Redis is unavailable, over this node. */
  async admit(app: string, limit: number): Promise<boolean> {
    this.#add(app, 1);
    if (limit === 0) {
      this.#sendSoon(app);
      return true;
    }
    const isAdmitted = await this.#send(app, limit)
      .then(([admitted]) => admitted)
      .catch(() => !exceeds(this.#sockets.get(app) ?? 0, limit));
    if (!isAdmitted) this.dismiss(app);
    return isAdmitted;
  }

  dismiss(app: string): void {
    this.#add(app, -1);
    this.#sendSoon(app);
  }

  async connections(app: string): Promise<number> {
    const [, total] = await this.#send(app, 0);
    return total;
  }

  /** Sends all numbers: after an outage, and as a new incarnation. */
  sendAll(): void {
    for (const app of this.#sockets.keys()) this.#sendSoon(app);
  }

  #add(app: string, change: 1 | -1): void {
    const sockets = (this.#sockets.get(app) ?? 0) + change;
    if (sockets > 0) this.#sockets.set(app, sockets);
    else this.#sockets.delete(app);
  }

  #sendSoon(app: string): void {
    this.#changed.add(app);
    if (this.#changed.size > 1) return;
    setImmediate(() => {
      const apps = this.#changed;
      this.#changed = new Set();
      if (this.#node.isAttached) for (const each of apps) this.#send(each, 0).catch(() => undefined);
    });
  }

  async #send(app: string, limit: number): Promise<[admitted: boolean, total: number]> {
    const keys = [this.#keys.nodes(0), this.#keys.connections(app)];
    const args = [this.#node.id, this.#sockets.get(app) ?? 0, limit];
    const [admitted, total] = (await runScript(this.#links.commands, 'count-connections', keys, args)) as [
      number,
      number,
    ];
    return [admitted === 1, total];
  }
}
