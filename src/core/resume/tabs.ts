import type { Position } from '#protocol';
import type { Connection, Subscription } from '../client/connection.ts';
import type { Logger } from '../ports/logger.ts';
import type { TabRecord, TabStore } from '../ports/tab-store.ts';
import { within } from '../util/time.ts';
import type { AwayLimits } from './away-budget.ts';
import { newestSockets } from './earlier-sockets.ts';
import { Tab, type TabNeeds } from './tab.ts';
import { tabKey, TabRecords } from './tab-records.ts';

/** Time between two writes of an open tab whose positions change. */
const SAVE_EVERY_MS = 3000;
/** Time after which the record of a tab is written that is on a new channel: one write for all that it subscribes to at once. */
const SAVE_NEW_MS = 100;
/** Records of open tabs that are written in one second at most. */
const SAVES_PER_TICK = 2000;
/** Tabs that ask again at a time what earlier sockets left: each asks several times a second while the store is away. */
const MOST_ASKING_AGAIN = 1000;
/** Time that a client has for its last receipt. */
const SETTLE_MS = 2000;

export interface TabSettings extends AwayLimits {
  /** Time for which a tab that is away is kept; 0: none is. */
  readonly keepMs: number;
  /** SPEC 13.4: up to where a tab continues whose connection was cut. */
  readonly afterCut: 'receipt' | 'sent';
}

export interface TabsDeps {
  readonly tabStore: TabStore;
  readonly hub: { writtenPosition(subscription: Subscription): Position | undefined };
  readonly clock: () => number;
  readonly logger: Logger;
  readonly tabSettings: TabSettings;
}

/** The open tabs of this node (SPEC 13.2 to 13.4): their receipts, and their records while they are open and when they close. */
export class Tabs {
  readonly #deps: TabsDeps;
  readonly #open = new Map<Connection, Tab>();
  readonly #byId = new Map<string, readonly Tab[]>();
  readonly #records: TabRecords;
  readonly #needs: TabNeeds;
  /** Those that ask the store again what earlier sockets left. */
  readonly #askingAgain = new Set<Tab>();
  /** Those whose record is written soon. */
  readonly #onNewChannel = new Set<Connection>();

  constructor(deps: TabsDeps) {
    this.#deps = deps;
    this.#needs = {
      writtenPosition: (subscription) => deps.hub.writtenPosition(subscription),
      clock: deps.clock,
      onNewPlace: (connection) => this.#saveSoon(connection),
    };
    this.#records = new TabRecords({ ...deps, keepMs: deps.tabSettings.keepMs, limits: deps.tabSettings });
  }

  get open(): number {
    return this.#open.size;
  }

  get away(): number {
    return this.#records.away;
  }

  get dropped(): number {
    return this.#records.dropped;
  }

  /** SPEC 13.2: a client named its tab. */
  opened(connection: Connection, id: string): void {
    if (this.#deps.tabSettings.keepMs === 0) return;
    const tab = new Tab({ app: connection.app.id, tab: id }, connection, this.#needs);
    connection.tab = tab;
    this.#open.set(connection, tab);
    this.#byId.set(tabKey(tab.ref), [...this.#sameTab(tab), tab]);
    tab.ready = this.#inherit(connection, tab);
  }

  /** SPEC 13.4: the socket closed. Resolves when a return of the tab finds its record, or the store is away. */
  async closed(connection: Connection): Promise<void> {
    const tab = this.#open.get(connection);
    if (tab === undefined) return;
    await tab.ready;
    if (!this.#open.delete(connection)) return;
    const others = this.#sameTab(tab);
    if (others.length === 0) this.#byId.delete(tabKey(tab.ref));
    else this.#byId.set(tabKey(tab.ref), others);
    if (tab.isSavedAsAway && (await this.#records.isTakenOver(tab.ref, connection.socketId))) return;
    await this.#records.park(tab.ref, this.#record(tab, true), connection.socket.remoteAddress);
  }

  /**
   * SPEC 13.4: before a server that stops closes the socket. Writes nothing more to it, and resolves when the client has confirmed
   * everything, or after 2 s, and the record is stored.
   */
  async settle(connection: Connection): Promise<void> {
    const tab = this.#open.get(connection);
    if (tab === undefined || connection.closing) return;
    connection.settle();
    await within(confirm(connection, tab), SETTLE_MS);
    await this.closed(connection);
  }

  /** SPEC 2.17: another process keeps the store from now on. Writes the records of all open sockets, for which none was kept. */
  storeHandedOver(): void {
    for (const [connection, tab] of this.#open) if (!connection.closing) void this.#save(tab);
  }

  /** Called about once a second. */
  tick(): void {
    const now = this.#deps.clock();
    this.#records.tick();
    let saves = 0;
    for (const [connection, tab] of this.#open) {
      if (connection.closing) continue;
      askForReceipt(connection, tab);
      this.#noteAway(tab);
      if (tab.isUninformed) void this.#inheritLate(connection, tab);
      if (saves >= SAVES_PER_TICK || !this.#isDue(tab, now)) continue;
      saves += 1;
      void this.#save(tab);
    }
  }

  /** SPEC 13.4: a client without a request may be back at any moment, with this socket or with a new one. */
  #noteAway(tab: Tab): void {
    if (tab.isClientAway === tab.isAway) return;
    tab.isAway = tab.isClientAway;
    tab.isChanged = true;
    tab.savedAtMs = 0;
  }

  /** Asks again for what a tab that began anew could have continued, which would come twice at its next return. */
  async #inheritLate(connection: Connection, tab: Tab): Promise<void> {
    if (this.#askingAgain.has(tab) || this.#askingAgain.size >= MOST_ASKING_AGAIN) return;
    this.#askingAgain.add(tab);
    await this.#inherit(connection, tab).finally(() => this.#askingAgain.delete(tab));
  }

  async #inherit(connection: Connection, tab: Tab): Promise<void> {
    const openHere = () => this.#sameTab(tab).map((each) => this.#recordNow(each));
    const inheritance = await this.#records.inherit(tab.ref, connection.socketId, openHere);
    if (!this.#open.has(connection)) return;
    tab.inherit(inheritance);
    connection.earlierSocketIds = newestSockets([...connection.earlierSocketIds, ...tab.earlierSocketIds]);
    if (inheritance === undefined || inheritance.points.size === 0) return;
    // In this order: whenever the node fails, one record at least is there.
    await this.#save(tab);
    await this.#records.takeOver(tab.ref, inheritance);
  }

  /** True when the stored record is old: positions changed since, or it would expire. */
  #isDue(tab: Tab, now: number): boolean {
    if (tab.isAway && !tab.isChanged) return false;
    const ageMs = now - tab.savedAtMs;
    return tab.hasPoints && ageMs >= (tab.isChanged ? SAVE_EVERY_MS : this.#deps.tabSettings.keepMs / 3);
  }

  async #save(tab: Tab): Promise<void> {
    tab.savedAtMs = this.#deps.clock();
    tab.isChanged = false;
    const { isAway } = tab;
    if (!this.#deps.tabStore.outlivesProcess) {
      tab.isSavedAsAway &&= isAway;
      return;
    }
    const isSaved = await this.#records.save(tab.ref, this.#record(tab, isAway));
    if (!isSaved) tab.isChanged = true;
    else tab.isSavedAsAway = isAway;
  }

  /** Other open sockets of the same tab. */
  #sameTab(tab: Tab): readonly Tab[] {
    return (this.#byId.get(tabKey(tab.ref)) ?? []).filter((each) => each !== tab);
  }

  /** Record of an open socket for another one of its tab, which takes the place of a client that is away (SPEC 13.4). */
  #recordNow(tab: Tab): TabRecord {
    const isAway = tab.isClientAway;
    if (isAway) {
      tab.isAway = tab.isSavedAsAway = true;
      tab.isChanged = false;
    }
    return this.#record(tab, isAway);
  }

  #record(tab: Tab, isAway: boolean): TabRecord {
    return tab.record(this.#deps.tabSettings.afterCut, isAway);
  }

  #saveSoon(connection: Connection): void {
    if (this.#onNewChannel.size === 0) setTimeout(() => this.#saveNew(), SAVE_NEW_MS).unref();
    this.#onNewChannel.add(connection);
  }

  #saveNew(): void {
    for (const connection of this.#onNewChannel) {
      const tab = this.#open.get(connection);
      if (tab?.isChanged === true && !connection.closing) void this.#save(tab);
    }
    this.#onNewChannel.clear();
  }
}

/** SPEC 13.3. */
function askForReceipt({ socket }: Connection, tab: Tab): void {
  const receipt = tab.nextReceipt();
  if (receipt !== undefined) socket.ping(receipt);
}

/** Resolves when everything that was written is confirmed, the receipt under way included. */
async function confirm(connection: Connection, tab: Tab): Promise<void> {
  await tab.receiptAnswered();
  askForReceipt(connection, tab);
  await tab.receiptAnswered();
}
