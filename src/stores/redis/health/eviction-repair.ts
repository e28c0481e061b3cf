import type { Logger } from '../../../core/ports/logger.ts';
import type { Keys } from '../keys.ts';
import type { RedisConnectionQuota } from '../node/connection-quota.ts';
import type { Links } from '../link/links.ts';
import type { RedisMembership } from '../membership/membership.ts';
import type { ClusterNode } from '../node/node.ts';
import { runScript } from '../link/scripts.ts';

/** Time between two log lines, and for which /ready warns of an eviction. */
const MINUTE_MS = 60_000;

interface EvictionRepairDeps {
  readonly links: Links;
  readonly keys: Keys;
  readonly node: ClusterNode;
  readonly membership: RedisMembership;
  readonly quota: RedisConnectionQuota;
  readonly logger: Logger;
  readonly apps: () => readonly string[];
  /** Shortest time between two checks: a full cache evicts all the time. */
  readonly pauseMs: number;
  /** Time after the last eviction for which checks continue: data of a node may become an orphan only when its lease ends. */
  readonly settleMs: number;
}

/**
 * After evictions, checks whether Redis has lost data of this node, and writes it again. Checks again as long as something was
 * missing.
 */
export class EvictionRepair {
  readonly #deps: EvictionRepairDeps;
  #evictedKeys = 0;
  #repairedChannels = 0;
  #unloggedKeys = 0;
  #unloggedChannels = 0;
  #loggedAtMs = -Infinity;
  #evictedAtMs = -Infinity;
  #ranAtMs = -Infinity;
  /** A check is due: the last one found something or failed, or one was asked for. */
  #isScheduled = false;
  #isRunning = false;
  /** Partitions in which keys of members were repaired since the last check. */
  #repairedPartitions = new Set<number>();
  /** By app and partition: channels of nodes that had no lease at the last check. */
  readonly #suspects = new Map<string, readonly string[]>();

  constructor(deps: EvictionRepairDeps) {
    this.#deps = deps;
  }

  /** Number of keys that Redis has evicted, those of other programs included. */
  get evictedKeys(): number {
    return this.#evictedKeys;
  }

  get repairedChannels(): number {
    return this.#repairedChannels;
  }

  /** True when Redis has evicted keys within the last minute. */
  get isEvicting(): boolean {
    return performance.now() - this.#evictedAtMs < MINUTE_MS;
  }

  onEvicted(keys: number): void {
    this.#evictedKeys += keys;
    this.#unloggedKeys += keys;
    this.#evictedAtMs = performance.now();
  }

  /**
   * Schedules a check for the next beat, after a key was repaired. `partition`: where other nodes may have lost data too; they
   * detect it because the partition settles (`ClusterNode.startSettling`).
   */
  scheduleNow(partition?: number): void {
    if (partition !== undefined) this.#repairedPartitions.add(partition);
    this.#isScheduled = true;
    this.#ranAtMs = -Infinity;
  }

  /** Schedules a check, at the earliest `pauseMs` after the last one: the keys of a channel contradict each other. */
  schedule(): void {
    this.#isScheduled = true;
  }

  /** Runs a check when one is due; called with each beat. Never rejects. */
  async beat(): Promise<void> {
    if (!this.#isDue || this.#isRunning || !this.#deps.node.isAttached) return;
    this.#isRunning = true;
    this.#ranAtMs = performance.now();
    // Redis is unavailable: a later beat checks again.
    this.#isScheduled = await this.#run().catch(() => true);
    this.#isRunning = false;
    this.#log();
  }

  get #isDue(): boolean {
    const { pauseMs, settleMs } = this.#deps;
    const now = performance.now();
    const isNeeded = this.#isScheduled || now - this.#evictedAtMs < settleMs;
    return isNeeded && now - this.#ranAtMs >= pauseMs;
  }

  /** True when something was missing or is suspect. */
  async #run(): Promise<boolean> {
    const { membership, quota, node } = this.#deps;
    const partitions = this.#repairedPartitions;
    this.#repairedPartitions = new Set();
    if (partitions.size > 0) await node.startSettling(partitions);
    const repaired = await membership.repair();
    quota.sendAll();
    const suspects = await this.#findOrphans();
    this.#repairedChannels += repaired;
    this.#unloggedChannels += repaired;
    return repaired > 0 || suspects > 0;
  }

  /** Resolves with the number of suspects that the next check decides. */
  async #findOrphans(): Promise<number> {
    const { links, keys, apps } = this.#deps;
    let found = 0;
    for (const app of apps()) {
      for (let partition = 0; partition < keys.partitions; partition += 1) {
        const place = `${partition} ${app}`;
        const before = this.#suspects.get(place) ?? [];
        const prefix = keys.channelKeyPrefix(app);
        const names = [keys.occupied(partition, app), keys.nodes(partition)];
        const starts = [keys.channelPrefix(partition) + prefix, prefix, keys.index(partition, '')];
        const args = [...starts, before.length, ...before];
        const suspects = (await runScript(links.commands, 'find-orphans', names, args)) as readonly string[];
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
    this.#deps.logger.warn(
      'Redis is full and has evicted keys: this node writes its own missing keys again. Give Redis more memory, or Wavehall a Redis of its own with maxmemory-policy noeviction',
      { evictedKeys: this.#unloggedKeys, repairedChannels: this.#unloggedChannels },
    );
    this.#unloggedKeys = this.#unloggedChannels = 0;
    this.#loggedAtMs = now;
  }
}
