import { LRUCache } from 'lru-cache';
import {
  DEFAULT_DECISION_LIMITS,
  type DecisionLimits,
  FORGET_MS,
  forgottenTags,
  MAX_FORGOTTEN,
  tagsOf,
  UNKNOWN_USER,
  userTag,
} from '../../core/decisions.ts';
import type { DecisionStore, Forgotten, FoundDecision, NewDecision } from '../../core/ports/decisions.ts';

interface KeptDecision {
  readonly text: string;
  readonly askedAtMs: number;
  readonly endsAtMs: number;
  readonly tags: readonly string[];
  readonly user: string | undefined;
}

interface Owner {
  readonly decisions: Map<string, KeptDecision>;
  /** The user whom the app named for it. */
  user: string | undefined;
  /** The time at which its last decision ends. */
  endsAtMs: number;
}

/** A part of the state, for the process that replaces this one. */
type Saved =
  { readonly digest: string; readonly owner: Owner } | { readonly tag: string; readonly atMs: number };

/** Decisions of the auth gateway on a single node. */
export class MemoryDecisions implements DecisionStore {
  readonly #owners: LRUCache<string, Owner>;
  readonly #perOwner: number;
  /** Tags, and when they were forgotten. */
  readonly #forgotten = new Map<string, number>();

  constructor({ owners, perOwner }: DecisionLimits = DEFAULT_DECISION_LIMITS) {
    this.#owners = new LRUCache({ max: owners });
    this.#perOwner = perOwner;
  }

  find(key: string, owners: readonly string[]): Promise<FoundDecision> {
    const nowMs = Date.now();
    const owner = this.#owners.peek(owners[0] ?? '');
    const decision = owner?.decisions.get(key);
    const isKept =
      owner !== undefined &&
      decision !== undefined &&
      nowMs < decision.endsAtMs &&
      !this.#isForgotten(decision, owner);
    if (!isKept) return Promise.resolve({ nowMs, kept: undefined });
    const { text, askedAtMs } = decision;
    return Promise.resolve({ nowMs, kept: { text, ageMs: Math.max(0, nowMs - askedAtMs) } });
  }

  keep({ key, text, askedAtMs, keepMs, app, user, ...tags }: NewDecision): Promise<void> {
    const digest = tags.owners[0] ?? '';
    const owner: Owner = this.#owners.get(digest) ?? { decisions: new Map(), user: undefined, endsAtMs: 0 };
    const named = user === undefined ? undefined : userTag(app, user);
    const endsAtMs = askedAtMs + keepMs;
    owner.user = named ?? owner.user;
    owner.endsAtMs = Math.max(owner.endsAtMs, endsAtMs);
    // The newest is the last, so that the first is the one that ends first.
    owner.decisions.delete(key);
    owner.decisions.set(key, { text, askedAtMs, endsAtMs, tags: tagsOf(tags), user: named });
    const [first] = owner.decisions.keys();
    if (owner.decisions.size > this.#perOwner && first !== undefined) owner.decisions.delete(first);
    this.#owners.set(digest, owner);
    this.#dropEnded();
    return Promise.resolve();
  }

  forget(what: Forgotten): Promise<void> {
    const nowMs = Date.now();
    for (const [tag, atMs] of this.#forgotten) {
      if (atMs > nowMs - FORGET_MS) break;
      this.#forgotten.delete(tag);
    }
    for (const tag of forgottenTags(what)) this.#note(tag, nowMs);
    if (this.#forgotten.size <= MAX_FORGOTTEN) return Promise.resolve();
    // Rather all than one too few.
    this.#forgotten.clear();
    this.#note('all', nowMs);
    return Promise.resolve();
  }

  *save(): Generator<Saved> {
    for (const digest of this.#owners.rkeys()) {
      const owner = this.#owners.peek(digest);
      if (owner !== undefined) yield { digest, owner };
    }
    for (const [tag, atMs] of this.#forgotten) yield { tag, atMs };
  }

  load(saved: Saved): void {
    if ('tag' in saved) this.#note(saved.tag, saved.atMs);
    else this.#owners.set(saved.digest, saved.owner);
  }

  clear(): void {
    this.#owners.clear();
    this.#forgotten.clear();
  }

  /** Drops the owners that were used longest ago, as far as all of their decisions have ended. */
  #dropEnded(): void {
    const nowMs = Date.now();
    for (const digest of this.#owners.rkeys()) {
      if ((this.#owners.peek(digest)?.endsAtMs ?? 0) > nowMs) return;
      this.#owners.delete(digest);
    }
  }

  /** Keeps the tags in the order of their times. */
  #note(tag: string, atMs: number): void {
    this.#forgotten.delete(tag);
    this.#forgotten.set(tag, atMs);
  }

  #isForgotten({ tags, user, askedAtMs }: KeptDecision, owner: Owner): boolean {
    const all = ['all', user ?? owner.user ?? UNKNOWN_USER, ...tags];
    return all.some((tag) => (this.#forgotten.get(tag) ?? -Infinity) >= askedAtMs);
  }
}
