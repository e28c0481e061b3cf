import { MinuteLog } from '../util/minute-log.ts';
import { sleep } from '../util/time.ts';
import { Unavailable } from '../ports/failures.ts';
import type { Logger } from '../ports/logger.ts';
import type { TabRecord, TabRef, TabStore } from '../ports/tab-store.ts';
import { AwayBudget, type AwayLimits } from './away-budget.ts';
import { type Inheritance, inherit } from './merge.ts';

/** Time for which a store that is away is asked again, before a tab is taken for one that has missed everything. */
const PATIENCE_MS = 5000;
const RETRY_MS = 250;
/** Records that are written again in one second at most. */
const RETRIES_PER_TICK = 1000;
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
  /** Records of closed sockets that the store has not taken yet. */
  readonly #unsaved = new Map<string, Unsaved>();
  readonly #dropped: MinuteLog;

  constructor(deps: TabRecordsDeps) {
    this.#deps = deps;
    this.#budget = new AwayBudget(deps.limits);
    this.#dropped = new MinuteLog({
      logger: deps.logger,
      message:
        'Positions of tabs were not kept: a limit is reached (WAVEHALL_RESUME_MAX_BYTES, WAVEHALL_RESUME_TABS_PER_ADDRESS), or many sockets use one tab id',
    });
  }

  /** Tabs that closed here and are kept. */
  get away(): number {
    return this.#budget.tabs;
  }

  get dropped(): number {
    return this.#dropped.total;
  }

  /** Reads what a new socket of the tab takes over; `undefined`: the store is away. */
  async inherit(ref: TabRef): Promise<Inheritance | undefined> {
    const { tabStore, clock } = this.#deps;
    this.#budget.release(keyOf(ref));
    const untilMs = clock() + PATIENCE_MS;
    for (;;) {
      const records = await unlessAway(tabStore.read(ref));
      if (records !== undefined) return inherit([...records, ...this.#unsavedOf(ref)]);
      if (clock() >= untilMs) return undefined;
      await sleep(RETRY_MS);
    }
  }

  /** Replaces the records that a new socket of the tab has taken over. */
  async takeOver(ref: TabRef, { changed, ended, dropped }: Inheritance): Promise<void> {
    const { tabStore, keepMs } = this.#deps;
    for (const socketId of ended) this.#unsaved.delete(keyOf(ref) + socketId);
    if (dropped > 0) this.#dropped.add({ app: ref.app }, dropped);
    await Promise.all(changed.map((record) => unlessAway(tabStore.write(ref, record, keepMs))));
    if (ended.length > 0) await unlessAway(tabStore.remove(ref, ended));
  }

  /** Writes the record of an open socket. False: the store is away. */
  async save(ref: TabRef, record: TabRecord): Promise<boolean> {
    return (await unlessAway(done(this.#deps.tabStore.write(ref, record, this.#deps.keepMs)))) === true;
  }

  /** Writes the record of a socket that closed. Resolves when a return of the tab finds it, or the store is away. */
  async park(ref: TabRef, record: TabRecord, address: string): Promise<void> {
    if (record.points.size === 0) return this.#forget(ref, record);
    const untilMs = this.#deps.clock() + this.#deps.keepMs;
    if (!this.#budget.take(keyOf(ref), { address, bytes: bytesOf(record), untilMs })) {
      this.#dropped.add({ app: ref.app });
      return this.#forget(ref, record);
    }
    if (!(await this.save(ref, record)))
      this.#unsaved.set(keyOf(ref) + record.socketId, { ref, record, untilMs });
  }

  /** Called about once a second. */
  tick(): void {
    const now = this.#deps.clock();
    this.#budget.expire(now);
    this.#dropped.tick();
    for (const [key, unsaved] of [...this.#unsaved].slice(0, RETRIES_PER_TICK)) {
      this.#unsaved.delete(key);
      if (unsaved.untilMs > now) void this.#retry(key, unsaved);
    }
  }

  async #retry(key: string, unsaved: Unsaved): Promise<void> {
    if (!(await this.save(unsaved.ref, unsaved.record))) this.#unsaved.set(key, unsaved);
  }

  async #forget(ref: TabRef, { socketId }: TabRecord): Promise<void> {
    await unlessAway(this.#deps.tabStore.remove(ref, [socketId]));
  }

  #unsavedOf({ app, tab }: TabRef): TabRecord[] {
    return [...this.#unsaved.values()]
      .filter(({ ref }) => ref.app === app && ref.tab === tab)
      .map(({ record }) => record);
  }
}

const keyOf = ({ app, tab }: TabRef): string => `${app} ${tab} `;

const done = async (task: Promise<void>): Promise<true> => {
  await task;
  return true;
};

async function unlessAway<T>(task: Promise<T>): Promise<T | undefined> {
  try {
    return await task;
  } catch (error) {
    if (error instanceof Unavailable) return undefined;
    throw error;
  }
}

function bytesOf({ points }: TabRecord): number {
  let bytes = RECORD_BYTES;
  for (const channel of points.keys()) bytes += POINT_BYTES + Buffer.byteLength(channel);
  return bytes;
}
