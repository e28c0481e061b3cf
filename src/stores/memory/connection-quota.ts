import { exceeds } from '#protocol';
import type { ConnectionQuota } from '../../core/ports/stores.ts';

/** The connection quota of a single node. */
export class MemoryConnectionQuota implements ConnectionQuota {
  readonly #connections = new Map<string, number>();

  admit(app: string, limit: number): Promise<boolean> {
    const connections = (this.#connections.get(app) ?? 0) + 1;
    if (exceeds(connections, limit)) return Promise.resolve(false);
    this.#connections.set(app, connections);
    return Promise.resolve(true);
  }

  dismiss(app: string): void {
    const connections = (this.#connections.get(app) ?? 0) - 1;
    if (connections > 0) this.#connections.set(app, connections);
    else this.#connections.delete(app);
  }

  connections(app: string): Promise<number> {
    return Promise.resolve(this.#connections.get(app) ?? 0);
  }
}
