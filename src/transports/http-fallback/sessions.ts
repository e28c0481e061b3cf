import type { FallbackSession } from './session.ts';

/** A session that was closed: its last lines, for a client that asks late (SPEC 10.4). */
interface ClosedSession {
  readonly session: FallbackSession;
  readonly lines: readonly Buffer[];
  readonly bytes: number;
  ageMs: number;
}

export interface ClosedLimits {
  /** Closed sessions that are remembered, and the bytes of their lines; beyond, the oldest are forgotten. */
  readonly closedSessions: number;
  readonly closedBytes: number;
  /** Time for which each is. */
  readonly rememberMs: number;
}

/** Sessions of this node by their name: those that live, and those that were closed a moment ago. */
export class Sessions {
  readonly #limits: ClosedLimits;
  readonly #onForgotten: (id: string) => void;
  readonly #living = new Map<string, FallbackSession>();
  readonly #closed = new Map<string, ClosedSession>();
  #closedBytes = 0;

  /** `onForgotten`: called with each name that this node knows no more. */
  constructor(limits: ClosedLimits, onForgotten: (id: string) => void) {
    this.#limits = limits;
    this.#onForgotten = onForgotten;
  }

  /** Sessions that live. */
  get size(): number {
    return this.#living.size;
  }

  /** Sessions that were closed and are remembered. */
  get closedSize(): number {
    return this.#closed.size;
  }

  living(id: string): FallbackSession | undefined {
    return this.#living.get(id);
  }

  add(session: FallbackSession): void {
    this.#living.set(session.id, session);
  }

  /** Forgets a session that has ended without a close. */
  remove({ id }: FallbackSession): void {
    this.#living.delete(id);
    this.#onForgotten(id);
  }

  /** Remembers a session that was closed. `lines`: those that wait for a request, or the close alone. */
  close(session: FallbackSession, lines: readonly Buffer[]): void {
    const bytes = lines.reduce((sum, { length }) => sum + length, 0);
    this.#living.delete(session.id);
    this.#closed.set(session.id, { session, lines, bytes, ageMs: 0 });
    this.#closedBytes += bytes;
    const { closedSessions, closedBytes } = this.#limits;
    for (const [id] of this.#closed) {
      if (this.#closed.size <= closedSessions && this.#closedBytes <= closedBytes) return;
      this.#forget(id);
    }
  }

  /** Last lines of a closed session, which a client gets once more with each request. */
  lastLinesOf(id: string): readonly Buffer[] | undefined {
    return this.#closed.get(id)?.lines;
  }

  /** Counts time for all sessions. */
  tick(passedMs: number): void {
    for (const session of this.#living.values()) session.tick(passedMs);
    for (const [id, closed] of this.#closed) {
      closed.ageMs += passedMs;
      if (closed.ageMs >= this.#limits.rememberMs) this.#forget(id);
    }
  }

  /** Ends all that is left. */
  clear(): void {
    for (const session of this.#living.values()) session.terminate();
    for (const id of this.#closed.keys()) this.#forget(id);
  }

  #forget(id: string): void {
    const closed = this.#closed.get(id);
    if (closed === undefined) return;
    this.#closed.delete(id);
    this.#closedBytes -= closed.bytes;
    closed.session.release();
    if (!this.#living.has(id)) this.#onForgotten(id);
  }
}
