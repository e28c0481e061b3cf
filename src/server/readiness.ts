import { within } from '../core/util/time.ts';
import type { Siblings } from './siblings.ts';

/** Shorter than the usual timeout of a load balancer's probe. */
const ANSWER_WITHIN_MS = 800;
/** Anybody may ask, so that an answer counts for a moment: workers are asked a few times a second at most. */
const KEPT_MS = 200;
const QUESTION = 'ready';

/**
 * Whether new clients may be sent to this port. A connection may be dealt to any worker, so that all of them have to be
 * ready; one that is being started again or does not answer in time is not.
 */
export function readinessOf(own: () => boolean, siblings: Siblings | undefined): () => Promise<boolean> {
  if (siblings === undefined) return () => Promise.resolve(own());
  siblings.answer(QUESTION, own);
  let kept: Promise<boolean> | undefined;
  const ask = (): Promise<boolean> => {
    kept ??= askAll(siblings).finally(() => setTimeout(() => (kept = undefined), KEPT_MS).unref());
    return kept;
  };
  return async () => own() && (await ask()) && own();
}

function askAll(siblings: Siblings): Promise<boolean> {
  const answered = siblings
    .askAll(QUESTION)
    .then((answers) => answers.length >= siblings.count && answers.every((answer) => answer === true))
    .catch(() => false);
  return within(answered, ANSWER_WITHIN_MS, () => false);
}
