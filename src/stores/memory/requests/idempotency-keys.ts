import type { IdempotencyKeys, KeyedRequest, KeyState } from '../../../core/ports/nodes/idempotency.ts';
import { DEFAULT_IDEMPOTENCY_LIMITS, type IdempotencyLimits } from '../../../core/requests/idempotency.ts';

interface KnownKey {
  readonly request: string;
  readonly expiresAtMs: number;
  answer?: string | undefined;
}

interface SavedKey {
  readonly app: string;
  readonly key: string;
  readonly request: string;
  readonly ttlMs: number;
  readonly answer?: string | undefined;
}

/** Keys of one app. All live equally long, so that they expire in the order in which they came. */
interface AppKeys {
  readonly known: Map<string, KnownKey>;
  answerBytes: number;
}

/** The idempotency keys of a single node. */
export class MemoryIdempotencyKeys implements IdempotencyKeys {
  readonly #limits: IdempotencyLimits;
  readonly #apps = new Map<string, AppKeys>();
  #forgotten = 0;

  constructor(limits: IdempotencyLimits = DEFAULT_IDEMPOTENCY_LIMITS) {
    this.#limits = limits;
  }

  get forgotten(): number {
    return this.#forgotten;
  }

  claim({ app, key, request }: KeyedRequest, ttlMs: number): Promise<KeyState> {
    const keys = this.#current(app);
    const state = keys.known.get(key);
    if (state === undefined) this.#add(keys, key, { request, expiresAtMs: Date.now() + ttlMs });
    return Promise.resolve(stateOf(state, request));
  }

  keepAnswer({ app, key, request }: KeyedRequest, answer: string): Promise<string> {
    const keys = this.#current(app);
    const state = keys.known.get(key);
    if (state?.request !== request) return Promise.resolve(answer);
    const bytes = Buffer.byteLength(answer);
    if (state.answer === undefined && keys.answerBytes + bytes <= this.#limits.answerBytes) {
      state.answer = answer;
      keys.answerBytes += bytes;
    }
    return Promise.resolve(state.answer ?? answer);
  }

  *save(): Generator<SavedKey> {
    for (const app of this.#apps.keys())
      for (const [key, { expiresAtMs, ...state }] of this.#current(app).known)
        yield { app, key, ttlMs: expiresAtMs - Date.now(), ...state };
  }

  load({ app, key, ttlMs, request, answer }: SavedKey): void {
    void this.claim({ app, key, request }, ttlMs);
    if (answer !== undefined) void this.keepAnswer({ app, key, request }, answer);
  }

  clear(): void {
    this.#apps.clear();
  }

  #add(keys: AppKeys, key: string, state: KnownKey): void {
    keys.known.set(key, state);
    if (keys.known.size <= this.#limits.keys) return;
    for (const oldest of keys.known.keys()) {
      forget(keys, oldest);
      this.#forgotten += 1;
      return;
    }
  }

  /** The keys of an app without those that have expired. */
  #current(app: string): AppKeys {
    let keys = this.#apps.get(app);
    if (keys === undefined) this.#apps.set(app, (keys = { known: new Map(), answerBytes: 0 }));
    for (const [key, { expiresAtMs }] of keys.known) {
      if (expiresAtMs > Date.now()) break;
      forget(keys, key);
    }
    return keys;
  }
}

function forget(keys: AppKeys, key: string): void {
  const answer = keys.known.get(key)?.answer;
  if (answer !== undefined) keys.answerBytes -= Buffer.byteLength(answer);
  keys.known.delete(key);
}

function stateOf(state: KnownKey | undefined, request: string): KeyState {
  if (state === undefined) return { use: 'first' };
  return state.request === request ? { use: 'repeated', answer: state.answer } : { use: 'other' };
}
