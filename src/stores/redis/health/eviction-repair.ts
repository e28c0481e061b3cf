import type { Logger } from '../../../core/ports/logger.ts';
import type { Keys } from '../keys.ts';
import type { RedisConnectionQuota } from '../node/connection-quota.ts';
import type { Links } from '../link/links.ts';
import type { RedisMembership } from '../membership/membership.ts';
import type { ClusterNode } from '../node/node.ts';
import { run } from '../link/scripts.ts';

/** Between two log lines, and how long health speaks of an eviction. */
const MINUTE_MS = 60_000;

interface Needs {
  readonly links: Links;
  readonly keys: Keys;
  readonly node: ClusterNode;
  readonly membership: RedisMembership;
  readonly quota: RedisConnectionQuota;
  readonly logger: Logger;
  readonly apps: readonly string[];
  /** Shortest time between two looks: a cache that is full evicts all the time. */
  readonly pauseMs: number;
  /** So long after the last eviction it goes on looking: what a node held may become an orphan only when its lease ends. */
  readonly settleMs: number;
}

/**
 * After Redis has evicted keys to make room, looks whether any of what this node holds is gone, and says it again. As
 * long as something was missing it looks again.
 */
export class EvictionRepair {
  readonly #needs: Needs;
  #evictedKeys = 0;
  #repairedChannels = 0;
  #unloggedKeys = 0;
  #unloggedChannels = 0;
  #loggedAtMs = -Infinity;
  #evictedAtMs = -Infinity;
  #lookedAtMs = -Infinity;
  /** The last look found something, or failed. */
  #isUnsettled = false;
  #isLooking = false;
  /** Partitions in which keys of members were mended since the last look. */
  #mended = new Set<number>();
  /** By app and partition: rows whose nodes had no lease at the last look. */
  readonly #suspects = new Map<string, readonly string[]>();

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  /** Keys that Redis has evicted, whoever wrote them. */
  get evictedKeys(): number {
    return this.#evictedKeys;
  }

  get repairedChannels(): number {
    return this.#repairedChannels;
  }

  /** Redis has evicted keys within the last minute. */
  get isEvicting(): boolean {
    return performance.now() - this.#evictedAtMs < MINUTE_MS;
  }

  evicted(keys: number): void {
    this.#evictedKeys += keys;
    this.#unloggedKeys += keys;
    this.#evictedAtMs = performance.now();
  }

  /**
   * A key was mended: the next beat looks. `partition`: where others may have lost what they said, who are told by a quiet
   * time (`node.ts`).
   */
  want(partition?: number): void {
    if (partition !== undefined) this.#mended.add(partition);
    this.#isUnsettled = true;
    this.#lookedAtMs = -Infinity;
  }

  /** Something does not agree: it looks, as soon after the last look as after an eviction. */
  suspect(): void {
    this.#isUnsettled = true;
  }

  /** Called with each beat. Never rejects. */
  async beat(): Promise<void> {
    if (!this.#isDue || this.#isLooking || !this.#needs.node.isAttached) return;
    this.#isLooking = true;
    this.#lookedAtMs = performance.now();
    // Out of reach for now: a later beat looks again.
    this.#isUnsettled = await this.#look().catch(() => true);
    this.#isLooking = false;
    this.#log();
  }

  get #isDue(): boolean {
    const { pauseMs, settleMs } = this.#needs;
    const now = performance.now();
    const isWanted = this.#isUnsettled || now - this.#evictedAtMs < settleMs;
    return isWanted && now - this.#lookedAtMs >= pauseMs;
  }

  /** True when something was missing or is suspect. */
  async #look(): Promise<boolean> {
    const { membership, quota, node } = this.#needs;
    const mended = this.#mended;
    this.#mended = new Set();
    if (mended.size > 0) await node.quieten(mended);
    const repaired = await membership.repair();
    quota.tellAll();
    const suspects = await this.#lookForOrphans();
    this.#repairedChannels += repaired;
    this.#unloggedChannels += repaired;
    return repaired > 0 || suspects > 0;
  }

  /** Resolves with how many there are that have to be looked at again. */
  async #lookForOrphans(): Promise<number> {
    const { links, keys, apps } = this.#needs;
    let found = 0;
    for (const app of apps) {
      for (let partition = 0; partition < keys.partitions; partition += 1) {
        const place = `${partition} ${app}`;
        const before = this.#suspects.get(place) ?? [];
        const rows = keys.startOfRows(app);
        const names = [keys.occupied(partition, app), keys.nodes(partition)];
        const starts = [keys.channels(partition) + rows, rows, keys.index(partition, '')];
        const args = [...starts, before.length, ...before];
        const suspects = (await run(links.commands, 'orphans', names, args)) as readonly string[];
        if (suspects.length > 0) this.#suspects.set(place, suspects);
        else this.#suspects.delete(place);
        found += suspects.length;
      }
    }
    return found;
  }

  #log(): void {
    const now = performance.now();
    if (this.#unloggedKeys === 0 || now - this.#loggedAtMs < MINUTE_MS) return;
    this.#needs.logger.warn(
      'Redis is full and has evicted keys: this node writes again what is missing of its own. Give Redis more memory, or Wavehall a Redis of its own with maxmemory-policy noeviction',
      { evictedKeys: this.#unloggedKeys, repairedChannels: this.#unloggedChannels },
    );
    this.#unloggedKeys = this.#unloggedChannels = 0;
    this.#loggedAtMs = now;
  }
}
