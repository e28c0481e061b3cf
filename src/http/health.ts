import type { FastifyInstance } from 'fastify';
import { refuseOtherMethods } from './methods.ts';

export interface HealthChecks {
  /** New clients may be sent here. Answers within a second, whatever is out of reach. */
  readonly isReady: () => boolean | Promise<boolean>;
  /** What an operator should know though it serves. */
  readonly warnings?: () => readonly string[];
}

/** SPEC 8.11: unsigned, bounded in cost, and silent about apps. `/up` answers as Reverb does. */
export function registerHealth(
  server: FastifyInstance,
  { isReady, warnings = () => [] }: HealthChecks,
): void {
  for (const url of ['/live', '/ready', '/up']) refuseOtherMethods(server, url, 'GET', 'HEAD');
  server.get('/live', () => ({ live: true }));
  server.get('/ready', async (_, reply) => {
    const ready = await isReady();
    const said = warnings();
    return reply.code(ready ? 200 : 503).send({ ready, ...(said.length > 0 && { warnings: said }) });
  });
  server.get('/up', async (_, reply) => {
    const ready = await isReady();
    return reply.code(ready ? 200 : 503).send({ health: ready ? 'OK' : 'DRAINING' });
  });
}
