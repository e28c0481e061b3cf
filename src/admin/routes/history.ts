import type { FastifyInstance } from 'fastify';
import { Fields } from '../fields.ts';
import { BadRequest } from '../requests.ts';

interface HistoryWanted {
  /** The first step begins then or later. */
  readonly sinceMs: number;
  /** Its counts; `undefined`: those of all apps together. */
  readonly app: string | undefined;
  /** Name of a node, or `all`; `undefined`: this server. */
  readonly node: string | undefined;
}

/** The traffic of the last hours. */
export interface HistorySource {
  read(wanted: HistoryWanted): Promise<object>;
  /** The newest step of each node. `app`: its counts; `undefined`: those of all apps together. */
  nodes(app: string | undefined): Promise<object>;
}

/** Adds `/history` (SPEC 17.4) and `/nodes` (SPEC 17.15). */
export function addHistoryRoutes(scope: FastifyInstance, history: HistorySource): void {
  scope.get('/history', async ({ raw }, reply) => {
    const fields = Fields.ofQuery(raw.url, ['app', 'node', 'since']);
    const since = fields.optional('since') ?? '0';
    if (!/^\d{1,15}$/.test(since)) throw new BadRequest('since: expected a Unix time in milliseconds');
    return reply.header('cache-control', 'no-store').send(
      await history.read({
        sinceMs: Number(since),
        app: fields.optional('app'),
        node: fields.optional('node'),
      }),
    );
  });
  scope.get('/nodes', async ({ raw }, reply) => {
    const app = Fields.ofQuery(raw.url, ['app']).optional('app');
    return reply.header('cache-control', 'no-store').send(await history.nodes(app));
  });
}
