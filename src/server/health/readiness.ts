import { reusing } from '../../core/util/reuse.ts';
import { within } from '../../core/util/time.ts';
import type { WorkerGroup } from '../worker-group.ts';

/** Shorter than the usual timeout of a load balancer's probe. */
const ANSWER_WITHIN_MS = 800;
/** The path is public: one answer serves all requests of this time, so that workers get a few requests a second at most. */
const REUSE_MS = 200;
const READY_REQUEST = 'ready';

/**
 * Answers load balancers whether this port accepts new clients. The next connection may go to any worker, so all of them
 * must be ready; a worker that is being restarted or does not answer in time is not.
 */
export function readinessOf(own: () => boolean, workers: WorkerGroup | undefined): () => Promise<boolean> {
  if (workers === undefined) return () => Promise.resolve(own());
  workers.onRequest(READY_REQUEST, own);
  const askWorkers = reusing(REUSE_MS, () => areAllReady(workers));
  return async () => own() && (await askWorkers()) && own();
}

function areAllReady(workers: WorkerGroup): Promise<boolean> {
  const ready = workers
    .requestAll(READY_REQUEST)
    .then((answers) => answers.length >= workers.count && answers.every((answer) => answer === true))
    .catch(() => false);
  return within(ready, ANSWER_WITHIN_MS, () => false);
}
