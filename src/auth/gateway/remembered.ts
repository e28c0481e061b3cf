import type { App } from '../../core/app.ts';
import type { AppProvider } from '../../core/ports/apps.ts';
import { ifUnavailable } from '../../core/ports/failures.ts';
import type { DecisionStore, FoundDecision } from '../../core/ports/decisions.ts';
import { ignore } from '../../core/util/ignore.ts';
import type { QuestionPart } from '../recent/recent.ts';
import { type Decision, userOf } from './decision.ts';
import type { Question } from './question.ts';
import { opened, sealed } from './sealed-decision.ts';

/** Bytes of a sealed decision that is remembered. */
export const MAX_DECISION_BYTES = 8 * 1024;

/** A question that may be answered by a decision of before. */
export interface Known {
  readonly question: Question;
  /** Equal for questions that may share a decision (SPEC 14.3). */
  readonly key: string;
  readonly owners: readonly string[];
  readonly parts: readonly QuestionPart[];
}

interface RememberedDeps {
  readonly apps: AppProvider;
  readonly decisions: DecisionStore;
  readonly keepMs: number;
}

/** The decisions that all nodes share, sealed (SPEC 14.4). A store that is away holds none. */
export class Remembered {
  readonly #deps: RememberedDeps;

  constructor(deps: RememberedDeps) {
    this.#deps = deps;
  }

  /** `undefined`: the store is away. */
  find({ key, owners }: Known): Promise<FoundDecision | undefined> {
    return ifUnavailable(this.#deps.decisions.find(key, owners), () => undefined);
  }

  /** The decision in what was found; `undefined`: there is none that can be used. */
  async open(
    { key }: Known,
    text: string | undefined,
  ): Promise<{ readonly decision: Decision; readonly app: App } | undefined> {
    return text === undefined ? undefined : opened(text, key, this.#deps.apps);
  }

  /** `askedAtMs`: the time of the store before the app was asked. */
  async keep({ question, key, owners }: Known, decision: Decision, askedAtMs: number): Promise<void> {
    const { apps, decisions, keepMs } = this.#deps;
    const app = await apps.byId(decision.app);
    const text = app && sealed(decision, app, key);
    if (text === undefined || text.length > MAX_DECISION_BYTES) return;
    const tags = { owners, channel: question.channel, app: decision.app, user: userOf(decision) };
    await ifUnavailable(decisions.keep({ key, text, askedAtMs, keepMs, ...tags }), ignore);
  }
}
