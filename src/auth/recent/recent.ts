/** Questions of clients that are kept; the oldest is forgotten. */
export const MAX_RECENT = 200;
/** Characters of a name that are kept. */
const MAX_NAME_CHARS = 200;

/** How a question was answered. */
export type Outcome =
  'hit' | 'stale' | 'joined' | 'asked' | 'passed_on' | 'token' | 'refused' | 'unavailable';

/** A part of a question that has an effect on its decision (SPEC 14.3): its name, and a digest of its value. */
export type QuestionPart = readonly [name: string, digest: number];

/** A question whose decision may serve others. */
export interface RecentQuestion {
  /** Equal for questions that may share a decision. */
  readonly key: string;
  /** Digests of the session, then of the token; at least one. */
  readonly owners: readonly string[];
  readonly parts: readonly QuestionPart[];
}

/** A question of a client and its answer, without a value of its credentials. */
export interface RecentDecision {
  readonly atMs: number;
  readonly purpose: 'channel' | 'user';
  readonly channel: string;
  readonly socket: string;
  readonly address: string;
  readonly outcome: Outcome;
  readonly status: number;
  /** `undefined`: nothing of it is remembered. */
  readonly question: RecentQuestion | undefined;
}

/** The last questions of this process. */
export class RecentDecisions {
  #decisions: RecentDecision[] = [];

  add(decision: RecentDecision): void {
    const { channel, socket, address } = decision;
    const [short, from, by] = [channel, socket, address].map((name) => name.slice(0, MAX_NAME_CHARS));
    this.#decisions.push({ ...decision, channel: short ?? '', socket: from ?? '', address: by ?? '' });
    if (this.#decisions.length >= 2 * MAX_RECENT) this.#decisions = this.#decisions.slice(-MAX_RECENT);
  }

  /** The oldest first. */
  read(): readonly RecentDecision[] {
    return this.#decisions.slice(-MAX_RECENT);
  }
}
