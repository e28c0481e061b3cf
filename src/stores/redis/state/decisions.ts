import {
  DEFAULT_DECISION_LIMITS,
  type DecisionLimits,
  FORGET_MS,
  forgottenTags,
  MAX_FORGOTTEN,
  tagsOf,
  userTag,
} from '../../../core/decisions.ts';
import type { DecisionStore, Forgotten, FoundDecision, NewDecision } from '../../../core/ports/decisions.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { runScript } from '../link/scripts.ts';

/** Decisions of the auth gateway that all nodes share, on the clock of Redis. */
export class RedisDecisions implements DecisionStore {
  readonly #links: Links;
  readonly #keys: Keys;
  readonly #limits: DecisionLimits;

  constructor(links: Links, keys: Keys, limits = DEFAULT_DECISION_LIMITS) {
    this.#links = links;
    this.#keys = keys;
    this.#limits = limits;
  }

  async find(key: string, [owner = '']: readonly string[]): Promise<FoundDecision> {
    const [ofOwner, , forgotten] = this.#keys.decisions(owner);
    const found = await runScript(this.#links.commands, 'find-decision', [ofOwner, forgotten], [key]);
    const [nowMs, text, ageMs] = found as [number, string, number];
    return { nowMs, kept: text === '' ? undefined : { text, ageMs } };
  }

  async keep({ key, text, askedAtMs, keepMs, app, user, ...tags }: NewDecision): Promise<void> {
    const { owners, perOwner } = this.#limits;
    const [ofOwner, all] = this.#keys.decisions(tags.owners[0] ?? '');
    const most = Math.ceil(owners / this.#keys.partitions);
    const named = user === undefined ? '' : userTag(app, user);
    const args = [key, text, askedAtMs, keepMs, most, perOwner, named, ...tagsOf(tags)];
    await runScript(this.#links.commands, 'keep-decision', [ofOwner, all], args);
  }

  async forget(what: Forgotten): Promise<void> {
    const args = [FORGET_MS, MAX_FORGOTTEN, ...forgottenTags(what)];
    const partitions = Array.from({ length: this.#keys.partitions }, (_, at) => at);
    await Promise.all(
      partitions.map((partition) => {
        const keys = [this.#keys.forgottenDecisions(partition)];
        return runScript(this.#links.commands, 'forget-decisions', keys, args);
      }),
    );
  }
}
