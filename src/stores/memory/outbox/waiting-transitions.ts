import type { ChannelRef } from '../../../core/ports/channel-ref.ts';
import type { WebhookRecord } from '../../../core/ports/webhooks.ts';
import type { WebhookWishes } from '../../../core/ports/webhook-wishes.ts';
import { channelMapKey } from '../../../core/util/channel-map-key.ts';
import { recordOf, type TransitionKind } from '../../transition-record.ts';

const MOST_COUNTED_AT_ONCE = 100;
const COUNT_PAUSE_MS = 5000;

/** A transition that may still be taken back. */
export interface WaitingTransition {
  readonly ref: ChannelRef;
  readonly kind: TransitionKind;
  readonly value: string;
  readonly dueMs: number;
}

interface Targets {
  readonly tell: (record: WebhookRecord) => void;
  readonly drop: () => void;
}

/** Tells what begins at once, and what ends after the smoothing; what begins again within it takes the end back. */
export class WaitingTransitions {
  readonly #wishes: WebhookWishes;
  readonly #targets: Targets;
  readonly #waiting = new Map<string, { transition: WaitingTransition; timer: NodeJS.Timeout }>();
  /** Stands behind the last one that was dropped, as `MemoryOutbox` does. */
  readonly #oldest = this.#waiting.keys();
  readonly #newestCounts = new Map<string, number>();

  constructor(wishes: WebhookWishes, targets: Targets) {
    this.#wishes = wishes;
    this.#targets = targets;
  }

  occupied(ref: ChannelRef): void {
    if (this.#wishes.of(ref)?.occupancy === true) this.#begin(ref, 'occupied', 'vacated', '');
  }

  vacated(ref: ChannelRef): void {
    this.#takeBack(ref, 'counted', '');
    this.#newestCounts.delete(channelMapKey(ref));
    if (this.#wishes.of(ref)?.occupancy === true) this.#end(ref, 'vacated', '');
  }

  added(ref: ChannelRef, user: string): void {
    if (this.#wishes.of(ref)?.members === true) this.#begin(ref, 'added', 'removed', user);
  }

  removed(ref: ChannelRef, user: string): void {
    if (this.#wishes.of(ref)?.members === true) this.#end(ref, 'removed', user);
  }

  /** Numbers above the bound are told at most once in a while, with their newest value. */
  counted(ref: ChannelRef, subscriptions: number): void {
    if (subscriptions === 0 || this.#wishes.of(ref)?.counts !== true) return;
    this.#newestCounts.set(channelMapKey(ref), subscriptions);
    if (subscriptions <= MOST_COUNTED_AT_ONCE) {
      this.#takeBack(ref, 'counted', '');
      this.#tell(ref, 'counted', String(subscriptions));
    } else if (!this.#waiting.has(keyOf(ref, 'counted', ''))) this.#wait(ref, 'counted', '', COUNT_PAUSE_MS);
  }

  /** Tells the numbers that wait now. */
  tellCounts(): void {
    for (const { transition } of [...this.#waiting.values()])
      if (transition.kind === 'counted') {
        this.#takeBack(transition.ref, 'counted', '');
        this.#onDue(transition);
      }
  }

  stop(): void {
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
  }

  save(): WaitingTransition[] {
    return [...this.#waiting.values()].map(({ transition }) => transition);
  }

  /** The time begins again: nobody could come back while no process ran. */
  load(saved: readonly WaitingTransition[]): void {
    for (const { ref, kind, value } of saved) if (kind !== 'counted') this.#end(ref, kind, value);
  }

  #begin(ref: ChannelRef, kind: TransitionKind, opposite: TransitionKind, value: string): void {
    if (!this.#takeBack(ref, opposite, value)) this.#tell(ref, kind, value);
  }

  #end(ref: ChannelRef, kind: TransitionKind, value: string): void {
    this.#wait(ref, kind, value, this.#wishes.smoothingMs);
  }

  /** Node runs timers of equal length in the order in which they were set, so `delayMs` is not computed from a clock. */
  #wait(ref: ChannelRef, kind: TransitionKind, value: string, delayMs: number): void {
    this.#takeBack(ref, kind, value);
    const transition = { ref, kind, value, dueMs: Date.now() + delayMs };
    const timer = setTimeout(() => this.#onDue(transition), delayMs);
    timer.unref();
    this.#waiting.set(keyOf(ref, kind, value), { transition, timer });
    if (this.#waiting.size > this.#wishes.maxWaiting) this.#dropOldest();
  }

  #onDue({ ref, kind, value }: WaitingTransition): void {
    this.#waiting.delete(keyOf(ref, kind, value));
    const count = this.#newestCounts.get(channelMapKey(ref));
    if (kind !== 'counted') this.#tell(ref, kind, value);
    else if (count !== undefined) this.#tell(ref, kind, String(count));
  }

  #tell(ref: ChannelRef, kind: TransitionKind, value: string): void {
    const record = recordOf(ref, kind, value);
    if (record !== undefined) this.#targets.tell(record);
  }

  #takeBack(ref: ChannelRef, kind: TransitionKind, value: string): boolean {
    const key = keyOf(ref, kind, value);
    clearTimeout(this.#waiting.get(key)?.timer);
    return this.#waiting.delete(key);
  }

  #dropOldest(): void {
    const { value: oldest } = this.#oldest.next() as IteratorYieldResult<string>;
    clearTimeout(this.#waiting.get(oldest)?.timer);
    this.#waiting.delete(oldest);
    this.#targets.drop();
  }
}

const keyOf = (ref: ChannelRef, kind: TransitionKind, value: string): string =>
  `${channelMapKey(ref)}\n${kind}\n${value}`;
