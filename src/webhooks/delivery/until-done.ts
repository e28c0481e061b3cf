import { backoffMs } from '../../core/util/backoff.ts';
import { sleep } from '../../core/util/time.ts';

const RETRY = { firstMs: 100, mostMs: 5000, jitter: [0.5, 1] } as const;

/** Repeats a step of the outbox until it succeeds. False: the signal was aborted before that. */
export async function untilDone(step: () => Promise<void>, signal: AbortSignal): Promise<boolean> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      await step();
      return true;
    } catch {
      await sleep(backoffMs(failures, RETRY), signal);
    }
  }
  return false;
}
