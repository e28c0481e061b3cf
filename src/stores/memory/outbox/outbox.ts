import { randomBytes } from 'node:crypto';
import type { DeadLetter, Outbox, OutboxEntry, WebhookRecord } from '../../../core/ports/webhooks.ts';
import type { WebhookWishes } from '../../../core/ports/webhook-wishes.ts';
import { channelMapKey } from '../../../core/util/channel-map-key.ts';
import { DeadLetters } from './dead-letters.ts';
import { EndpointQueue, type KeptEvent } from './endpoint-queue.ts';
import { WaitingTransitions, type WaitingTransition } from './waiting-transitions.ts';

/** The part that survives a restart, as JSON. */
export interface SavedOutbox {
  /** With the failed attempts of each endpoint that has not finished it. */
  readonly events: readonly (KeptEvent & { readonly attempts: readonly (readonly [string, number])[] })[];
  readonly waiting: readonly WaitingTransition[];
  readonly dead: readonly DeadLetter[];
}

/** The outbox of a single node. It is lost with the process, unless `save` and `load` carry it to the next one. */
export class MemoryOutbox implements Outbox {
  readonly transitions: WaitingTransitions;
  readonly #wishes: WebhookWishes;
  /** Events that an endpoint has not finished, in the order in which they were made. */
  readonly #events = new Map<string, KeptEvent>();
  /** Stands behind the last event that was dropped, which saves stepping over what was removed before it (see `EndpointQueue`). */
  readonly #oldest = this.#events.keys();
  readonly #queues = new Map<string, EndpointQueue>();
  /** Endpoints that have a queue. */
  #endpoints: readonly string[] = [];
  readonly #dead: DeadLetters;
  readonly #onceUntil = new Map<string, number>();
  readonly #run = randomBytes(6).toString('base64url');
  #made = 0;
  #dropped = 0;
  #isCalling = false;
  #isHandedOver = false;
  #onAdded: () => void = () => undefined;

  constructor(wishes: WebhookWishes) {
    this.#wishes = wishes;
    this.#dead = new DeadLetters(wishes);
    this.#updateQueues();
    this.transitions = new WaitingTransitions(wishes, {
      tell: (record) => this.#keep(record, this.#wishes.endpoints),
      drop: () => (this.#dropped += 1),
    });
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** True when another process delivers what is here. */
  get isHandedOver(): boolean {
    return this.#isHandedOver;
  }

  add(record: WebhookRecord): Promise<void> {
    this.#keep(record, this.#wishes.endpoints);
    return Promise.resolve();
  }

  addOnce(record: WebhookRecord, ms: number): Promise<void> {
    const key = `${record.type} ${channelMapKey(record.ref)}`;
    const now = Date.now();
    if ((this.#onceUntil.get(key) ?? 0) > now) return Promise.resolve();
    this.#forgetPast(now);
    this.#onceUntil.set(key, now + ms);
    return this.add(record);
  }

  onAdded(listener: () => void): void {
    this.#onAdded = listener;
  }

  take(endpoint: string, most: number): Promise<readonly OutboxEntry[]> {
    const taken = this.#queues.get(endpoint)?.take(most) ?? [];
    const entries = taken.map(({ event: { record, ...times }, attempts }) => ({
      ...record,
      ...times,
      attempts,
    }));
    return Promise.resolve(entries);
  }

  done(endpoint: string, ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#finish(endpoint, id);
    return Promise.resolve();
  }

  failed(endpoint: string, id: string, attempts: number): Promise<void> {
    this.#queues.get(endpoint)?.setAttempts(id, attempts);
    return Promise.resolve();
  }

  bury(endpoint: string, { id, type, ref, fields, timeMs }: OutboxEntry, reason: string): Promise<void> {
    if (this.#finish(endpoint, id)) this.#dead.add(endpoint, { type, ref, fields, timeMs }, reason);
    return Promise.resolve();
  }

  deadLetters(most: number): Promise<readonly DeadLetter[]> {
    return Promise.resolve(this.#dead.newest(most));
  }

  replay(ids: readonly string[]): Promise<number> {
    const letters = ids.flatMap((id) => this.#dead.remove(id) ?? []);
    for (const { endpoint, entry } of letters) {
      const { type, ref, fields, timeMs } = entry;
      this.#keep({ type, ref, fields }, [endpoint], timeMs);
    }
    return Promise.resolve(letters.length);
  }

  waiting(endpoint: string): Promise<{ readonly entries: number; readonly oldestMs: number }> {
    const queue = this.#queues.get(endpoint);
    const now = Date.now();
    const oldestMs = Math.max(0, now - (queue?.oldest?.queuedAtMs ?? now));
    return Promise.resolve({ entries: queue?.size ?? 0, oldestMs });
  }

  stop(): void {
    this.transitions.stop();
  }

  /** Returns all that is not delivered yet, for the next process; `stop` comes first, so that nothing is told twice. */
  save(): SavedOutbox {
    const events = [...this.#events.values()].map((event) => ({
      ...event,
      attempts: this.#attemptsOf(event.id),
    }));
    return { events, waiting: this.transitions.save(), dead: this.#dead.newest(this.#wishes.maxDead) };
  }

  /** Returns what `save` returns, for a process that continues at once: the numbers that wait are told before. */
  handOver(): SavedOutbox {
    this.transitions.tellCounts();
    this.stop();
    this.#isHandedOver = true;
    return this.save();
  }

  /** Continues from what `save` returned, also after it was valid JSON (`decodeSaved`). Endpoints that are gone get nothing. */
  load(saved: SavedOutbox): void {
    for (const { attempts, ...event } of saved.events) this.#insert(event, attempts);
    this.#dead.load(saved.dead);
    this.transitions.load(saved.waiting);
  }

  #keep(record: WebhookRecord, endpoints: readonly string[], timeMs = Date.now()): void {
    const id = `${this.#run}-${++this.#made}`;
    const event = { id, record, timeMs, queuedAtMs: Date.now() };
    this.#insert(
      event,
      endpoints.map((endpoint) => [endpoint, 0]),
    );
  }

  #insert(event: KeptEvent, attempts: readonly (readonly [endpoint: string, number: number])[]): void {
    if (this.#events.has(event.id)) return;
    this.#updateQueues();
    const known = new Map(attempts.filter(([endpoint]) => this.#queues.has(endpoint)));
    if (known.size === 0) return;
    this.#events.set(event.id, event);
    for (const [endpoint, number] of known) this.#queues.get(endpoint)?.add(event, number);
    if (this.#events.size > this.#wishes.maxWaiting) this.#dropOldest();
    this.#callSoon();
  }

  /** Gives new endpoints a queue. What waits for an endpoint that is gone is dropped with its queue. */
  #updateQueues(): void {
    const { endpoints } = this.#wishes;
    if (endpoints === this.#endpoints) return;
    this.#endpoints = endpoints;
    for (const endpoint of endpoints)
      if (!this.#queues.has(endpoint)) this.#queues.set(endpoint, new EndpointQueue());
    const wanted = new Set(endpoints);
    for (const [endpoint, queue] of this.#queues) {
      if (wanted.has(endpoint)) continue;
      this.#queues.delete(endpoint);
      for (const id of queue.ids()) this.#forgetFinished(id);
    }
  }

  #attemptsOf(id: string): [endpoint: string, number: number][] {
    return [...this.#queues].flatMap(([endpoint, queue]) => {
      const attempts = queue.attemptsOf(id);
      return attempts === undefined ? [] : [[endpoint, attempts]];
    });
  }

  #dropOldest(): void {
    const { value: oldest } = this.#oldest.next() as IteratorYieldResult<string>;
    this.#events.delete(oldest);
    for (const queue of this.#queues.values()) queue.remove(oldest);
    this.#dropped += 1;
  }

  /** True when the endpoint had not finished it. */
  #finish(endpoint: string, id: string): boolean {
    if (this.#queues.get(endpoint)?.remove(id) !== true) return false;
    this.#forgetFinished(id);
    return true;
  }

  #forgetFinished(id: string): void {
    const isFinished = [...this.#queues.values()].every((queue) => queue.attemptsOf(id) === undefined);
    if (isFinished) this.#events.delete(id);
  }

  #forgetPast(now: number): void {
    if (this.#onceUntil.size < 1000) return;
    for (const [key, untilMs] of this.#onceUntil) if (untilMs <= now) this.#onceUntil.delete(key);
  }

  #callSoon(): void {
    if (this.#isCalling) return;
    this.#isCalling = true;
    setImmediate(() => {
      this.#isCalling = false;
      this.#onAdded();
    });
  }
}
