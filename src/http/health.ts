import type { FastifyInstance } from 'fastify';
import { refuseOtherMethods } from './methods.ts';

/** State of the server, as its health endpoints report it. */
export interface HealthChecks {
  /** True while a load balancer may send new clients here. Resolves within a second, even if a store does not answer. */
  readonly isReady: () => boolean | Promise<boolean>;
  /** Problems that an operator should know of while the server works. */
  readonly warnings?: () => readonly string[];
}

/** Serves `/live`, `/ready` and `/up` (SPEC 8.11): unsigned, cheap, and without a word about apps. `/up` answers as Reverb does. */
export function registerHealth(
  server: FastifyInstance,
  { isReady, warnings = () => [] }: HealthChecks,
): void {
  for (const url of ['/live', '/ready', '/up']) refuseOtherMethods(server, url, 'GET', 'HEAD');
  server.get('/live', () => ({ live: true }));
  server.get('/ready', async (_, reply) => {
    const ready = await isReady();
    const current = warnings();
    return reply.code(ready ? 200 : 503).send({ ready, ...(current.length > 0 && { warnings: current }) });
  });
  server.get('/up', async (_, reply) => {
    const ready = await isReady();
    return reply.code(ready ? 200 : 503).send({ health: ready ? 'OK' : 'DRAINING' });
  });
}
