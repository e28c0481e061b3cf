import type { FastifyInstance } from 'fastify';
import { splitTarget } from '../../core/util/http-text.ts';
import { BadRequest } from '../requests.ts';

/** The traffic of the last hours. */
export interface HistorySource {
  /** `sinceMs`: the first step begins then or later. `app`: its counts; `undefined`: those of all apps together. */
  read(sinceMs: number, app: string | undefined): Promise<object>;
}

/** Adds `/history` (SPEC 17.4). */
export function addHistoryRoute(scope: FastifyInstance, history: HistorySource): void {
  scope.get('/history', async ({ raw }, reply) => {
    const given = new URLSearchParams(splitTarget(raw.url)[1]);
    const unknown = [...given.keys()].find((name) => name !== 'since' && name !== 'app');
    if (unknown !== undefined)
      throw new BadRequest(`${JSON.stringify(unknown.slice(0, 100))}: expected app or since`);
    const since = given.get('since') ?? '0';
    if (!/^\d{1,15}$/.test(since)) throw new BadRequest('since: expected a Unix time in milliseconds');
    return reply
      .header('cache-control', 'no-store')
      .send(await history.read(Number(since), given.get('app') ?? undefined));
  });
}
