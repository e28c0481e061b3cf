import { reusing } from '../../core/util/reuse.ts';
import { within } from '../../core/util/time.ts';
import type { WorkerGroup } from '../worker-group.ts';

/** A little longer than the primary waits for the workers' answers. */
const ANSWER_WITHIN_MS = 2500;

/**
 * Makes a question to all processes of this port, this one included; those that do not answer in time are left out. The paths
 * that ask are public: each process answers from an answer that may be `reuseMs` old, and so does the one that asks.
 */
export function askWorkers<T>(
  name: string,
  own: () => Promise<T>,
  workers: WorkerGroup | undefined,
  reuseMs: number,
): () => Promise<readonly T[]> {
  const ownAnswer = reusing(reuseMs, own);
  if (workers === undefined) return async () => [await ownAnswer()];
  workers.onRequest(name, ownAnswer);
  return reusing(reuseMs, () =>
    within(workers.requestAll(name) as Promise<readonly T[]>, ANSWER_WITHIN_MS, () => []),
  );
}
