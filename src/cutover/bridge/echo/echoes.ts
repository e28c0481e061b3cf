import { within } from '../../../core/util/time.ts';
import { EchoBook, type Echo } from './echo-book.ts';
import { isInternal, echoKey, type ServerFrame } from '../frame.ts';
import { type HeldFrame, HeldFrames } from './held-frames.ts';
import type { BridgeLimits } from '../limits.ts';
import type { Copy, NoteReceiver, NodeNotes } from './node-notes.ts';
import type { BridgeCounters } from '../state.ts';

/** Whether this node hears a channel at the other side: `soon` when it may, `yes` when it certainly does. */
export type SubscriptionState = 'no' | 'soon' | 'yes';

export type DeliveryState = 'carried out' | 'not carried out' | 'unknown';

/** What is awaited of one request or whisper. */
export interface PendingEcho {
  readonly id: string;
  readonly copies: readonly Copy[];
  readonly echoes: (Echo | undefined)[];
  isCertain: boolean;
  readonly atMs: number;
}

interface EchoesDeps {
  readonly limits: BridgeLimits;
  readonly counters: BridgeCounters;
  readonly notes: (receiver: NoteReceiver) => NodeNotes;
  subscriptionOf(channel: string): SubscriptionState;
  /** Resolves when everything of the channel that was on its way has been heard. */
  barrier(channel: string): Promise<void>;
}

/** Tickets of other nodes that are remembered, and how long: a node that ended cannot say that it was answered. */
const MOST_FOREIGN = 10_000;
const FOREIGN_MS = 60_000;

/** SPEC 11.8: tells the echoes of what this and other nodes forwarded from what was published at the other side. */
export class Echoes {
  readonly notes: NodeNotes;
  readonly #deps: EchoesDeps;
  readonly #book: EchoBook;
  readonly #foreign = new Map<string, PendingEcho>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #held: HeldFrames;

  constructor(deps: EchoesDeps) {
    this.#deps = deps;
    this.#book = new EchoBook(deps.limits.echoes);
    this.notes = deps.notes({
      expect: (id, copies) => this.#othersExpect(id, copies),
      answered: (id) => this.#othersAnswered(id),
    });
    this.#held = new HeldFrames({
      most: deps.limits.heldFrames,
      mark: () => this.notes.mark(),
      release: (frame) => {
        if (!this.#isEcho(frame)) frame.pass();
      },
    });
  }

  /** Resolves when every node knows what will come back. `isOwn`: it comes back to this node too. */
  async announce(copies: readonly Copy[], earlier?: PendingEcho, isOwn = true): Promise<PendingEcho> {
    const pending = earlier ?? {
      id: this.notes.nextId(),
      copies,
      echoes: [],
      isCertain: true,
      atMs: Date.now(),
    };
    if (isOwn) this.#expect(pending);
    await this.notes.expect(pending.id, copies);
    return pending;
  }

  get expected(): number {
    return this.#book.size;
  }

  /** Resolves when what was carried out has been heard, as far as this node hears it. */
  async waitForEchoes({ echoes }: PendingEcho): Promise<void> {
    const open = echoes.filter((echo) => echo?.isClosed === false);
    const channels = new Set(open.map((echo) => echo?.channel ?? ''));
    const barriers = Promise.all([...channels].map((channel) => this.#deps.barrier(channel)));
    await within(barriers, this.#deps.limits.requestTimeoutMs);
  }

  /** What is known of one event of a request that was not answered. */
  deliveryOf({ echoes, isCertain }: PendingEcho, at: number): DeliveryState {
    const echo = echoes[at];
    if (echo?.isReceived === true) return 'carried out';
    return isCertain && echo?.isClosed === false ? 'not carried out' : 'unknown';
  }

  /** The request was answered or given up: what does not come back now never will. */
  answered(pending: PendingEcho): void {
    void this.notes.answered(pending.id);
    this.#settle(pending);
  }

  /** An event of the other side: `pass` is called unless it is an echo. The order of what is passed is kept. */
  hear(channel: string, { event, data, userId }: ServerFrame, pass: () => void): void {
    if (isInternal(event)) return;
    const frame: HeldFrame = { channel, key: echoKey(event, data), user: userId, pass };
    if (!this.#isEcho(frame)) this.#held.hold(frame);
  }

  /** The connection that heard the channel is lost. */
  lost(channel: string): void {
    this.#book.clear(channel);
  }

  /** Called now and then. */
  tick(): void {
    for (const [id, { atMs }] of this.#foreign) {
      if (Date.now() - atMs < FOREIGN_MS) return;
      this.#othersAnswered(id);
    }
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#foreign.clear();
  }

  // --- within ----------------------------------------------------------------------------------

  #isEcho({ channel, key, user }: HeldFrame): boolean {
    const isEcho = this.#book.consume(channel, key, user);
    if (isEcho) this.#deps.counters.add('echoesDropped');
    return isEcho;
  }

  #expect(pending: PendingEcho): void {
    for (const [at, { channel, key, user }] of pending.copies.entries()) {
      const known = pending.echoes[at];
      if (known !== undefined && (known.isReceived || !known.isClosed)) continue;
      const hearing = this.#deps.subscriptionOf(channel);
      if (hearing === 'soon') pending.isCertain = false;
      if (hearing === 'no') continue;
      pending.echoes[at] = this.#book.expect(channel, key, user);
      if (pending.echoes[at] === undefined) this.#deps.counters.drop('too-many-echoes');
    }
  }

  #othersExpect(id: string, copies: readonly Copy[]): void {
    const pending = this.#foreign.get(id) ?? { id, copies, echoes: [], isCertain: true, atMs: Date.now() };
    this.#foreign.set(id, pending);
    this.#expect(pending);
    const [oldest] = this.#foreign.keys();
    if (this.#foreign.size > MOST_FOREIGN && oldest !== undefined) this.#othersAnswered(oldest);
  }

  #othersAnswered(id: string): void {
    const pending = this.#foreign.get(id);
    this.#foreign.delete(id);
    if (pending !== undefined) this.#settle(pending);
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
    if (!this.#held.isEmpty) await this.notes.mark();
    for (const echo of open) this.#book.forget(echo);
  }
}
