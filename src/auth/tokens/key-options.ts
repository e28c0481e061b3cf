import type { KeyObject } from 'node:crypto';

/** The address of a key set, and when it is fetched (SPEC 15.3). */
export interface KeySetOptions {
  readonly url: URL;
  readonly timeoutMs: number;
  /** Least time between two fetches. */
  readonly cooldownMs: number;
  /** Age at which the set is fetched again. */
  readonly maxAgeMs: number;
}

/** A source of keys; the key is never a text, so that no message can show it. */
export type KeyOptions =
  | { readonly kind: 'secrets'; readonly secrets: readonly Uint8Array[] }
  | { readonly kind: 'public'; readonly keys: readonly KeyObject[] }
  | ({ readonly kind: 'key-set' } & KeySetOptions);
