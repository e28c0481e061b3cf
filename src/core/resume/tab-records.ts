import { ignore } from '../util/ignore.ts';
import { MinuteLog } from '../util/minute-log.ts';
import { sleep } from '../util/time.ts';
import { ifUnavailable, Unavailable } from '../ports/failures.ts';
import type { Logger } from '../ports/logger.ts';
import type { TabRecord, TabRef, TabStore } from '../ports/tab-store.ts';
import { AwayBudget, type AwayLimits } from './away-budget.ts';
import { type Inheritance, inherit } from './merge.ts';
import { askPatiently } from './patience.ts';

/** Records that are written again in one second at most. */
const RETRIES_PER_TICK = 1000;
/** Time in which all nodes write what a store did not take while it was away. */
const SETTLING_MS = 2000;
/** Bytes of a record beside its channels, and of a channel beside its name. */
const [RECORD_BYTES, POINT_BYTES] = [200, 80];

interface TabRecordsDeps {
  readonly tabStore: TabStore;
  readonly clock: () => number;
  readonly logger: Logger;
  readonly keepMs: number;
  readonly limits: AwayLimits;
}

interface Unsaved {
  readonly ref: TabRef;
  readonly record: TabRecord;
  readonly untilMs: number;
}

/** The stored records of tabs: within their limits, and through times in which the store is away. No method rejects with `Unavailable`. */
export class TabRecords {
  readonly #deps: TabRecordsDeps;
  readonly #budget: AwayBudget;
  /** By tab: records of closed sockets that the store has not taken yet. */
  readonly #unsaved = new Map<string, readonly Unsaved[]>();
  readonly #dropped: MinuteLog;
  /** When the store was last found to be away. */
  #failedAtMs = -Infinity;

  constructor(deps: TabRecordsDeps) {
    this.#deps = deps;
    this.#budget = new AwayBudget(deps.limits);
    this.#dropped = new MinuteLog({
      logger: deps.logger,
      message:
        'Positions of tabs were not kept: a limit is reached (WAVEHALL_RESUME_MAX_BYTES, WAVEHALL_RESUME_TABS_PER_ADDRESS), many sockets use one tab id, or the tab came back while Redis was away',
    });
  }

  /** Sockets of tabs that closed here and whose records are kept. */
  get away(): number {
    return this.#budget.tabs;
  }

  get dropped(): number {
    return this.#dropped.total;
  }

  /**
   * Reads what a socket of the tab takes over; `undefined`: the store is away. `openHere` lists the records of its other sockets that
   * are open on this node, which are newer than the stored ones.
   */
  async inherit(
    ref: TabRef,
    socketId: string,
    openHere: () => readonly TabRecord[],
  ): Promise<Inheritance | undefined> {
    let stored = await this.#readPatiently(ref);
    const settlingMs = this.#failedAtMs + SETTLING_MS - this.#deps.clock();
    if (stored !== undefined && settlingMs > 0) {
      await sleep(settlingMs);
      stored = await this.#readPatiently(ref);
    }
    if (stored === undefined) return undefined;
    const unsaved = this.#unsaved.get(tabKey(ref)) ?? [];
    const known = [...stored, ...unsaved.map(({ record }) => record), ...openHere()];
    const bySocket = new Map(known.map((record) => [record.socketId, record]));
    bySocket.delete(socketId);
    return inherit([...bySocket.values()]);
  }

  /** True when the record of a socket is gone, because another socket of the tab continues it. */
  async isTakenOver(ref: TabRef, socketId: string): Promise<boolean> {
    const records = await ifUnavailable(this.#deps.tabStore.read(ref), () => undefined);
    return records !== undefined && !records.some((record) => record.socketId === socketId);
  }

  /** Replaces the records that a new socket of the tab has taken over. */
  async takeOver(ref: TabRef, { changed, ended, dropped }: Inheritance): Promise<void> {
    for (const socketId of ended) this.#budget.release(socketKey(ref, socketId));
    // Those that others continue are among the changed ones, which are written next.
    this.#unsaved.delete(tabKey(ref));
    if (dropped > 0) this.#dropped.add({ app: ref.app }, dropped);
    const untilMs = this.#deps.clock() + this.#deps.keepMs;
    await Promise.all(changed.map((record) => this.#saveOrKeep({ ref, record, untilMs })));
    if (ended.length > 0) await ifUnavailable(this.#deps.tabStore.remove(ref, ended), ignore);
  }

  /** Writes the record of an open socket. False: the store is away. */
  save(ref: TabRef, record: TabRecord): Promise<boolean> {
    const { tabStore, keepMs } = this.#deps;
    const written = this.#noting(tabStore.write(ref, record, keepMs)).then(() => true);
    return ifUnavailable(written, () => false);
  }

  /** Writes the record of a socket that closed. Resolves when a return of the tab finds it, or the store is away. */
  async park(ref: TabRef, record: TabRecord, address: string): Promise<void> {
    if (record.points.size === 0) return this.#forget(ref, record);
    const untilMs = this.#deps.clock() + this.#deps.keepMs;
    if (!this.#budget.take(socketKey(ref, record.socketId), { address, bytes: bytesOf(record), untilMs })) {
      this.#dropped.add({ app: ref.app });
      return this.#forget(ref, record);
    }
    await this.#saveOrKeep({ ref, record, untilMs });
  }

  /** Called about once a second. */
  tick(): void {
    const now = this.#deps.clock();
    this.#budget.expire(now);
    this.#dropped.tick();
    for (const [key, unsaved] of [...this.#unsaved].slice(0, RETRIES_PER_TICK)) {
      this.#unsaved.delete(key);
      for (const each of unsaved) if (each.untilMs > now) void this.#saveLate(each);
    }
  }

  #readPatiently(ref: TabRef): Promise<readonly TabRecord[] | undefined> {
    const { tabStore, clock } = this.#deps;
    return askPatiently(() => this.#noting(tabStore.read(ref)), clock);
  }

  /** Settles as a call of the store does, and notes when it was away. */
  async #noting<T>(called: Promise<T>): Promise<T> {
    try {
      return await called;
    } catch (error) {
      if (error instanceof Unavailable) this.#failedAtMs = this.#deps.clock();
      throw error;
    }
  }

  /** Writes a record that the store did not take at first, unless the tab has come back elsewhere and begun anew. */
  async #saveLate(unsaved: Unsaved): Promise<void> {
    const { ref, record } = unsaved;
    const read = this.#noting(this.#deps.tabStore.read(ref));
    const records = await ifUnavailable(read, () => undefined);
    if (records === undefined) return this.#keepUnsaved(unsaved);
    if (!records.some(({ openedAtMs }) => openedAtMs > record.heardAtMs))
      return this.#saveOrKeep({ ...unsaved, record: { ...record, lateAtMs: this.#deps.clock() } });
    this.#budget.release(socketKey(ref, record.socketId));
    this.#dropped.add({ app: ref.app });
  }

  async #saveOrKeep(unsaved: Unsaved): Promise<void> {
    if (!(await this.save(unsaved.ref, unsaved.record))) this.#keepUnsaved(unsaved);
  }

  #keepUnsaved(unsaved: Unsaved): void {
    const { ref } = unsaved;
    this.#unsaved.set(tabKey(ref), [...(this.#unsaved.get(tabKey(ref)) ?? []), unsaved]);
  }

  async #forget(ref: TabRef, { socketId }: TabRecord): Promise<void> {
    await ifUnavailable(this.#deps.tabStore.remove(ref, [socketId]), ignore);
  }
}

/** Neither a tab id nor a socket id has a space. */
export const tabKey = ({ app, tab }: TabRef): string => `${tab} ${app}`;
const socketKey = (ref: TabRef, socketId: string): string => `${socketId} ${tabKey(ref)}`;

function bytesOf({ points }: TabRecord): number {
  let bytes = RECORD_BYTES;
  for (const channel of points.keys()) bytes += POINT_BYTES + Buffer.byteLength(channel);
  return bytes;
}
