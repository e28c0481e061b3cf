/** Time after which a session ends, however much it is used. */
export const SESSION_MS = 12 * 3_600_000;
/** Sessions at the same time; a further one ends the oldest. */
export const MAX_SESSIONS = 100;

/** Sessions of the console that this process knows, by the digest of their ids (SPEC 17.2). Bounded in number and time. */
export class Sessions {
  /** In the order in which they were opened. */
  readonly #untilMs = new Map<string, number>();

  open(digest: string, untilMs: number): void {
    this.#untilMs.delete(digest);
    this.#untilMs.set(digest, untilMs);
    for (const oldest of this.#untilMs.keys()) {
      if (this.#untilMs.size <= MAX_SESSIONS) break;
      this.#untilMs.delete(oldest);
    }
  }

  /** Digests with the ends of their sessions, in the order in which they were opened. */
  entries(): Iterable<[digest: string, untilMs: number]> {
    return this.#untilMs.entries();
  }

  /** End of a session; `undefined`: there is no such session. */
  untilMs(digest: string, nowMs: number): number | undefined {
    const untilMs = this.#untilMs.get(digest);
    if (untilMs === undefined || untilMs > nowMs) return untilMs;
    this.#untilMs.delete(digest);
    return undefined;
  }

  close(digest: string): void {
    this.#untilMs.delete(digest);
  }
}

/** The sessions of all processes of this server. */
export interface SessionStore {
  /** Returns the id of a new session, which nobody can guess. */
  open(): Promise<string>;
  has(id: string): Promise<boolean>;
  close(id: string): Promise<void>;
}
