import { randomBytes } from 'node:crypto';
import type { DeadLetter, Outbox, OutboxEntry, WebhookRecord } from '../../../core/ports/webhooks.ts';
import type { WebhookWishes } from '../../../core/ports/webhook-wishes.ts';
import { channelMapKey } from '../../../core/util/channel-map-key.ts';
import { DeadLetters } from './dead-letters.ts';
import { WaitingTransitions, type WaitingTransition } from './waiting-transitions.ts';

interface KeptEvent {
  readonly id: string;
  readonly record: WebhookRecord;
  readonly timeMs: number;
  readonly queuedAtMs: number;
  /** Failed attempts by the endpoints that have not finished it. */
  readonly attempts: Map<string, number>;
}

/** The part that survives a restart, as JSON. */
export interface SavedOutbox {
  readonly events: readonly (Omit<KeptEvent, 'attempts'> & { attempts: readonly [string, number][] })[];
  readonly waiting: readonly WaitingTransition[];
  readonly dead: readonly DeadLetter[];
}

/** The outbox of a single node. It is lost with the process, unless `save` and `load` carry it to the next one. */
export class MemoryOutbox implements Outbox {
  readonly transitions: WaitingTransitions;
  readonly #wishes: WebhookWishes;
  /** In the order in which they were made. */
  readonly #events = new Map<string, KeptEvent>();
  /** By endpoint: events that nobody has taken. */
  readonly #ready = new Map<string, Map<string, KeptEvent>>();
  readonly #dead: DeadLetters;
  readonly #onceUntil = new Map<string, number>();
  readonly #run = randomBytes(6).toString('base64url');
  #made = 0;
  #dropped = 0;
  #isCalling = false;
  #onAdded: () => void = () => undefined;

  constructor(wishes: WebhookWishes) {
    this.#wishes = wishes;
    this.#dead = new DeadLetters(wishes);
    for (const endpoint of wishes.endpoints) this.#ready.set(endpoint, new Map());
    this.transitions = new WaitingTransitions(wishes, {
      tell: (record) => this.#keep(record, wishes.endpoints),
      drop: () => (this.#dropped += 1),
    });
  }

  get dropped(): number {
    return this.#dropped;
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
    const ready = this.#ready.get(endpoint) ?? new Map<string, KeptEvent>();
    const taken: OutboxEntry[] = [];
    for (const [id, event] of ready) {
      if (taken.length >= most) break;
      ready.delete(id);
      const { record, timeMs, queuedAtMs, attempts } = event;
      taken.push({ ...record, id, timeMs, queuedAtMs, attempts: attempts.get(endpoint) ?? 0 });
    }
    return Promise.resolve(taken);
  }

  done(endpoint: string, ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#finish(endpoint, id);
    return Promise.resolve();
  }

  failed(endpoint: string, id: string, attempts: number): Promise<void> {
    const event = this.#events.get(id);
    if (event?.attempts.has(endpoint) === true) event.attempts.set(endpoint, attempts);
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
    const events = [...this.#events.values()].filter(({ attempts }) => attempts.has(endpoint));
    const now = Date.now();
    const oldestMs = Math.max(0, now - (events[0]?.queuedAtMs ?? now));
    return Promise.resolve({ entries: events.length, oldestMs });
  }

  stop(): void {
    this.transitions.stop();
  }

  /** Returns all that is not delivered yet, for the next process; `stop` comes first, so that nothing is told twice. */
  save(): SavedOutbox {
    const events = [...this.#events.values()].map((event) => ({ ...event, attempts: [...event.attempts] }));
    return { events, waiting: this.transitions.save(), dead: this.#dead.newest(this.#wishes.maxDead) };
  }

  /** Continues from what `save` returned, also after it was JSON. Endpoints that are gone get nothing. */
  load(saved: SavedOutbox): void {
    for (const event of saved.events) {
      const left = event.attempts.filter(([endpoint]) => this.#ready.has(endpoint));
      if (left.length > 0) this.#insert({ ...event, attempts: new Map(left) });
    }
    this.#dead.load(saved.dead);
    this.transitions.load(saved.waiting);
  }

  #keep(record: WebhookRecord, endpoints: readonly string[], timeMs = Date.now()): void {
    const queuedAtMs = Date.now();
    const attempts = new Map(
      endpoints.filter((each) => this.#ready.has(each)).map((endpoint) => [endpoint, 0]),
    );
    if (attempts.size === 0) return;
    const id = `${this.#run}-${++this.#made}`;
    this.#insert({ id, record, timeMs, queuedAtMs, attempts });
  }

  #insert(event: KeptEvent): void {
    this.#events.set(event.id, event);
    for (const endpoint of event.attempts.keys()) this.#ready.get(endpoint)?.set(event.id, event);
    if (this.#events.size > this.#wishes.maxWaiting) this.#dropOldest();
    this.#callSoon();
  }

  #dropOldest(): void {
    const [oldest] = this.#events.keys();
    if (oldest === undefined) return;
    this.#events.delete(oldest);
    for (const ready of this.#ready.values()) ready.delete(oldest);
    this.#dropped += 1;
  }

  /** True when the endpoint had not finished it. */
  #finish(endpoint: string, id: string): boolean {
    const event = this.#events.get(id);
    if (event?.attempts.delete(endpoint) !== true) return false;
    this.#ready.get(endpoint)?.delete(id);
    if (event.attempts.size === 0) this.#events.delete(id);
    return true;
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
