import type { TabRecord, TabRef, TabStore } from '../../core/ports/tab-store.ts';

interface KeptTab {
  readonly records: Map<string, TabRecord>;
  untilMs: number;
}

interface SavedTab {
  readonly key: string;
  readonly ttlMs: number;
  readonly records: Map<string, TabRecord>;
}

const SWEEP_EVERY_MS = 10_000;

/** The records of tabs of a single node. Their number is limited by who writes them. */
export class MemoryTabStore implements TabStore {
  readonly outlivesProcess = false;
  readonly #tabs = new Map<string, KeptTab>();
  #sweptMs = 0;

  read(ref: TabRef): Promise<readonly TabRecord[]> {
    return Promise.resolve([...(this.#kept(ref)?.records.values() ?? [])]);
  }

  write(ref: TabRef, record: TabRecord, ttlMs: number): Promise<void> {
    this.#sweep();
    const kept = this.#kept(ref) ?? { records: new Map(), untilMs: 0 };
    kept.records.set(record.socketId, record);
    kept.untilMs = performance.now() + ttlMs;
    this.#tabs.set(keyOf(ref), kept);
    return Promise.resolve();
  }

  remove(ref: TabRef, socketIds: readonly string[]): Promise<void> {
    const kept = this.#tabs.get(keyOf(ref));
    for (const socketId of socketIds) kept?.records.delete(socketId);
    if (kept?.records.size === 0) this.#tabs.delete(keyOf(ref));
    return Promise.resolve();
  }

  *save(): Generator<SavedTab> {
    const now = performance.now();
    for (const [key, { records, untilMs }] of this.#tabs) yield { key, ttlMs: untilMs - now, records };
  }

  clear(): void {
    this.#tabs.clear();
  }

  load({ key, ttlMs, records }: SavedTab): void {
    this.#tabs.set(key, { records, untilMs: performance.now() + ttlMs });
  }

  #kept(ref: TabRef): KeptTab | undefined {
    const kept = this.#tabs.get(keyOf(ref));
    return kept !== undefined && kept.untilMs > performance.now() ? kept : undefined;
  }

  #sweep(): void {
    const now = performance.now();
    if (now - this.#sweptMs < SWEEP_EVERY_MS) return;
    this.#sweptMs = now;
    for (const [key, { untilMs }] of this.#tabs) if (untilMs <= now) this.#tabs.delete(key);
  }
}

/** A tab id has no space. */
const keyOf = ({ app, tab }: TabRef): string => `${tab} ${app}`;
