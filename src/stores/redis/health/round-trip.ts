import { performance } from 'node:perf_hooks';
import { Unavailable } from '../../../core/ports/failures.ts';
import { within } from '../../../core/util/time.ts';
import type { Links } from '../link/links.ts';

const TIMEOUT_MS = 1000;

/** Milliseconds until every server has answered a ping. Rejects with `Unavailable` when one of them does not within a second. */
export async function measureRoundTrip(links: Pick<Links, 'isUp' | 'servers'>): Promise<number> {
  const all = links.isUp ? links.servers() : [];
  if (all.length === 0) throw new Unavailable('Redis cannot be reached.');
  const startedAtMs = performance.now();
  const pings = Promise.all(all.map((server) => server.ping())).catch((error: unknown) => {
    throw new Unavailable('Redis does not answer.', { cause: error });
  });
  await within(pings, TIMEOUT_MS, () => {
    throw new Unavailable(`Redis has not answered for ${TIMEOUT_MS} ms.`);
  });
  return performance.now() - startedAtMs;
}
