import { MAX_RECENT, type Outcome, type QuestionPart, type RecentDecision } from './recent.ts';

/** A question as an operator sees it. */
export interface ExplainedDecision extends Omit<RecentDecision, 'question'> {
  /** Digest of the session or token, by which its decisions can be forgotten; `undefined`: nothing is remembered. */
  readonly owner: string | undefined;
  /** Names of all that has an effect on the decision. */
  readonly parts: readonly string[];
  readonly why: string;
}

type Known = RecentDecision & { readonly question: NonNullable<RecentDecision['question']> };

const WORDS: Readonly<Record<Exclude<Outcome, 'asked'>, string>> = {
  hit: 'An equal question was allowed a moment ago: Laravel was not asked.',
  stale: 'Laravel fails, and an equal question was allowed before.',
  joined: 'Laravel was asked an equal question at the same time.',
  passed_on: 'Nothing of it is remembered: it has no session and no token, or is not the usual question.',
  token: 'A token decides: Laravel was not asked.',
  refused: 'The gateway refused it by itself; the metric wavehall_refusals_total has the reason.',
  unavailable: 'Laravel did not answer in time, or too many questions wait for it.',
};

/** The questions of all processes, the newest first, each with the reason of its outcome (SPEC 17.13). */
export function explainDecisions(all: readonly RecentDecision[]): ExplainedDecision[] {
  const ordered = [...all].sort((one, other) => one.atMs - other.atMs).slice(-MAX_RECENT);
  return ordered.map((decision, at) => explained(decision, ordered.slice(0, at).filter(isKnown))).reverse();
}

const isKnown = (decision: RecentDecision): decision is Known => decision.question !== undefined;

function explained({ question, ...decision }: RecentDecision, before: readonly Known[]): ExplainedDecision {
  const why =
    decision.outcome !== 'asked'
      ? WORDS[decision.outcome]
      : question === undefined
        ? ''
        : whyAsked({ ...decision, question }, before);
  const parts = question?.parts.map(([name]) => name) ?? [];
  return { ...decision, owner: question?.owners[0], parts, why };
}

/** Why no decision of before could be used, as far as the questions that are kept tell. */
function whyAsked(asked: Known, before: readonly Known[]): string {
  const same = before.filter(
    ({ purpose, channel }) => purpose === asked.purpose && channel === asked.channel,
  );
  const equal = same.findLast(({ question }) => question.key === asked.question.key);
  if (equal !== undefined)
    return equal.status === 200
      ? 'An equal question was answered before, but that is too long ago, was forgotten, or is no decision that can be remembered.'
      : 'An equal question was refused before: refusals are not remembered.';
  const own = same.findLast(({ question }) => question.owners[0] === asked.question.owners[0]);
  if (own !== undefined)
    return `The same session or token asked before, but differs in: ${difference(asked, own)}.`;
  const near = same.findLast(({ address }) => address === asked.address);
  if (near !== undefined)
    return 'The same address asked for it before, with another session or token. Is the session cookie encrypted anew each time? Then the gateway needs APP_KEY.';
  return 'It is the first question for this channel with this session or token.';
}

function difference(asked: Known, before: Known): string {
  const [now, then] = [asked, before].map(({ question }) => new Map<string, number>(question.parts));
  const names = new Set(
    [...asked.question.parts, ...before.question.parts].map(([name]: QuestionPart) => name),
  );
  const differing = [...names].filter((name) => now?.get(name) !== then?.get(name));
  return differing.length === 0 ? 'a second session or token' : differing.join(', ');
}
