/** Owners and subject of a decision of the auth gateway, by which it is forgotten (SPEC 14.6). */
export interface DecisionTags {
  /** Digests of the credentials that asked; at least one. The first is the one whose decisions are kept together. */
  readonly owners: readonly string[];
  readonly channel: string;
  readonly app: string;
  /** `undefined`: the app did not name the user. One that it named for the same first owner counts as well. */
  readonly user: string | undefined;
}

export interface NewDecision extends DecisionTags {
  readonly key: string;
  readonly text: string;
  /** Time of the store at which the app was asked, as `find` gave it. */
  readonly askedAtMs: number;
  readonly keepMs: number;
}

export interface FoundDecision {
  /** The time of the store. */
  readonly nowMs: number;
  /** `undefined`: none is kept, or it was forgotten. */
  readonly kept: { readonly text: string; readonly ageMs: number } | undefined;
}

export type Forgotten =
  | { readonly what: 'all' }
  | { readonly what: 'owner'; readonly digest: string }
  | { readonly what: 'channel'; readonly channel: string }
  | { readonly what: 'user'; readonly app: string; readonly user: string };

/** Decisions to forget, by the names that operators know (SPEC 14.6): a session by its id, a token as it is sent, both by their digest. */
export type ForgetRequest =
  | { readonly what: 'all' }
  | { readonly what: 'session' | 'token' | 'channel'; readonly name: string }
  | { readonly what: 'owner'; readonly digest: string }
  | { readonly what: 'user'; readonly app: string; readonly user: string };

/** Decisions that the auth gateway remembers for a short time, on all nodes (SPEC 14.4). Rejects with `Unavailable`. */
export interface DecisionStore {
  find(key: string, owners: DecisionTags['owners']): Promise<FoundDecision>;
  keep(decision: NewDecision): Promise<void>;
  /** Resolves when no node finds such a decision any more, nor one that the app was asked for before. */
  forget(what: Forgotten): Promise<void>;
}
