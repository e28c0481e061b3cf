import { ifUnavailable } from '../ports/failures.ts';
import { sleep } from '../util/time.ts';

/** Time for which a store that is away is asked again (SPEC 13.5). */
const PATIENCE_MS = 5000;
const RETRY_MS = 250;

/** Asks a store until it answers, for 5 s at most; `undefined`: it is away. Rejects with every other failure. */
export async function askPatiently<T>(ask: () => Promise<T>, clock: () => number): Promise<T | undefined> {
  const untilMs = clock() + PATIENCE_MS;
  for (;;) {
    const answer = await ifUnavailable(ask(), () => undefined);
    if (answer !== undefined || clock() >= untilMs) return answer;
    await sleep(RETRY_MS);
  }
}
