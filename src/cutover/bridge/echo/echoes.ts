import { within } from '../../../core/util/time.ts';
import type { BridgeLimits } from '../limits.ts';
import type {
  Copy,
  DeliveryState,
  Echo,
  EchoAnnouncer,
  ForwardedEvent,
  PendingEcho,
} from '../ports/echoes.ts';
import type { SubscriptionState } from '../ports/receiver.ts';
import type { BridgeCounters } from '../status/counters.ts';
import type { EchoBook } from './echo-book.ts';
import type { EchoFilter } from './echo-filter.ts';
import { echoKey } from './echo-key.ts';
import type { NodeNotes, NoteReceiver } from './node-notes.ts';

interface EchoesDeps {
  readonly limits: BridgeLimits;
  readonly counters: BridgeCounters;
  readonly book: EchoBook;
  readonly notes: NodeNotes;
  readonly filter: EchoFilter;
  subscriptionOf(channel: string): SubscriptionState;
  /** Resolves when everything on the channel that was on its way has been received. */
  barrier(channel: string): Promise<void>;
}

/** Bounds of what other nodes have announced: a node that ended cannot publish that its request was answered. */
const MOST_FOREIGN = 10_000;
const FOREIGN_MS = 60_000;

/** SPEC 11.8: fills the book of echoes with what this node and the others forward, and takes out what no longer comes. */
export class Echoes implements EchoAnnouncer, NoteReceiver {
  readonly #deps: EchoesDeps;
  readonly #foreign = new Map<string, PendingEcho>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(deps: EchoesDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    await this.#deps.notes.start(this);
  }

  stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#foreign.clear();
    return this.#deps.notes.stop();
  }

  async announce(
    events: readonly ForwardedEvent[],
    earlier?: PendingEcho,
    isOwn = true,
  ): Promise<PendingEcho> {
    const { notes } = this.#deps;
    const pending = earlier ?? pendingOf(notes.nextId(), events.map(copyOf));
    if (isOwn) this.#expect(pending);
    await notes.expect(pending.id, pending.copies);
    return pending;
  }

  async waitForEchoes({ echoes }: PendingEcho): Promise<void> {
    const open = echoes.filter((echo) => echo?.isClosed === false);
    const channels = new Set(open.map((echo) => echo?.channel ?? ''));
    const barriers = Promise.all([...channels].map((channel) => this.#deps.barrier(channel)));
    await within(barriers, this.#deps.limits.requestTimeoutMs);
  }

  deliveryOf({ echoes, isCertain }: PendingEcho, at: number): DeliveryState {
    const echo = echoes[at];
    if (echo?.isReceived === true) return 'delivered';
    return isCertain && echo?.isClosed === false ? 'not delivered' : 'unknown';
  }

  answered(pending: PendingEcho): void {
    void this.#deps.notes.answered(pending.id);
    this.#settle(pending);
  }

  /** Gives up the echoes of a channel that is not received any more. */
  lost(channel: string): void {
    this.#deps.book.clear(channel);
  }

  /** Gives up what other nodes announced long ago. Called every few seconds. */
  tick(): void {
    for (const [id, { atMs }] of this.#foreign) {
      if (Date.now() - atMs < FOREIGN_MS) return;
      this.foreignAnswered(id);
    }
  }

  // --- notes of other nodes --------------------------------------------------------------------

  foreignExpected(id: string, copies: readonly Copy[]): void {
    const pending = this.#foreign.get(id) ?? pendingOf(id, copies);
    this.#foreign.set(id, pending);
    this.#expect(pending);
    const [oldest] = this.#foreign.keys();
    if (this.#foreign.size > MOST_FOREIGN && oldest !== undefined) this.foreignAnswered(oldest);
  }

  foreignAnswered(id: string): void {
    const pending = this.#foreign.get(id);
    this.#foreign.delete(id);
    if (pending !== undefined) this.#settle(pending);
  }

  // --- within ----------------------------------------------------------------------------------

  #expect(pending: PendingEcho): void {
    for (const [at, { channel, key, user }] of pending.copies.entries()) {
      const known = pending.echoes[at];
      if (known !== undefined && (known.isReceived || !known.isClosed)) continue;
      const subscription = this.#deps.subscriptionOf(channel);
      if (subscription === 'pending') pending.isCertain = false;
      if (subscription === 'none') continue;
      pending.echoes[at] = this.#deps.book.expect(channel, key, user);
      if (pending.echoes[at] === undefined) this.#deps.counters.drop('too-many-echoes');
    }
  }

  #settle({ echoes, isCertain }: PendingEcho): void {
    const open = echoes.filter((echo) => echo !== undefined && !echo.isClosed) as Echo[];
    if (open.length === 0) return;
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        void this.#forget(open);
      },
      isCertain ? this.#deps.limits.settleMs : 0,
    );
    timer.unref();
    this.#timers.add(timer);
  }

  async #forget(echoes: readonly Echo[]): Promise<void> {
    const open = echoes.filter(({ isClosed }) => !isClosed);
    await Promise.all(
      [...new Set(open.map(({ channel }) => channel))].map((each) => this.#deps.barrier(each)),
    );
    await this.#deps.filter.settled();
    for (const echo of open) this.#deps.book.forget(echo);
  }
}

const pendingOf = (id: string, copies: readonly Copy[]): PendingEcho => ({
  id,
  copies,
  echoes: [],
  isCertain: true,
  atMs: Date.now(),
});

const copyOf = ({ channel, name, data, user }: ForwardedEvent): Copy => ({
  channel,
  key: echoKey(name, data),
  user,
});
