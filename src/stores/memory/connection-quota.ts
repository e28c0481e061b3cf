import { exceeds } from '#protocol';
import type { ConnectionQuota } from '../../core/ports/stores.ts';

/** Connections of one process, by app. */
type Counts = Map<string, number>;
type SavedCount = readonly [app: string, connections: number];

/** The connection quota of a single node: of this process, and for a while of the one that it replaces (SPEC 2.17). */
export class MemoryConnectionQuota implements ConnectionQuota {
  readonly #own: Counts = new Map();
  readonly #earlier: Counts = new Map();

  admit(app: string, limit: number): Promise<boolean> {
    return Promise.resolve(this.#admit(this.#own, app, limit));
  }

  dismiss(app: string): void {
    dismiss(this.#own, app);
  }

  connections(app: string): Promise<number> {
    return Promise.resolve(this.#sum(app));
  }

  /** The part of the process that this one replaces. */
  earlier(): ConnectionQuota {
    return {
      connections: (app) => this.connections(app),
      admit: (app, limit) => Promise.resolve(this.#admit(this.#earlier, app, limit)),
      dismiss: (app) => dismiss(this.#earlier, app),
    };
  }

  earlierEnded(): void {
    this.#earlier.clear();
  }

  save(): Iterable<SavedCount> {
    return this.#own.entries();
  }

  load([app, connections]: SavedCount): void {
    this.#earlier.set(app, connections);
  }

  #admit(counts: Counts, app: string, limit: number): boolean {
    if (exceeds(this.#sum(app) + 1, limit)) return false;
    counts.set(app, (counts.get(app) ?? 0) + 1);
    return true;
  }

  #sum(app: string): number {
    return (this.#own.get(app) ?? 0) + (this.#earlier.get(app) ?? 0);
  }
}

function dismiss(counts: Counts, app: string): void {
  const connections = (counts.get(app) ?? 0) - 1;
  if (connections > 0) counts.set(app, connections);
  else counts.delete(app);
}
