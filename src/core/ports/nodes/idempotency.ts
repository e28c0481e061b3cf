/** A request with an idempotency key. Key and request are digests of `DIGEST_LENGTH` characters. */
export interface KeyedRequest {
  readonly app: string;
  readonly key: string;
  /** Differs for another route or another body. */
  readonly request: string;
}

/** State of a key when a request with it arrives. */
export interface KeyState {
  /** `other`: the key belongs to another request. */
  readonly use: 'first' | 'repeated' | 'other';
  /** The answer that was kept. */
  readonly answer?: string | undefined;
}

/** The idempotency keys of each app, over all nodes (SPEC 8.16). */
export interface IdempotencyKeys {
  /** Keys that were forgotten before their time. */
  readonly forgotten: number;
  /** Binds a key to the first request that has it, for this time. Rejects with `Unavailable`. */
  claim(request: KeyedRequest, ttlMs: number): Promise<KeyState>;
  /**
   * Keeps the answer of a request as long as its key, if it is the first one and there is room. Resolves with the answer that
   * counts. Rejects with `Unavailable`.
   */
  keepAnswer(request: KeyedRequest, answer: string): Promise<string>;
}

/** An event that is published at most once in this time, whichever node is asked to. */
export interface Once {
  /** Distinguishes it from all other events of its channel. */
  readonly id: string;
  readonly ttlMs: number;
}
