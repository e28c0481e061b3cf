import type { FastifyInstance } from 'fastify';
import { refuseOtherMethods } from './methods.ts';

export interface Health {
  /** New clients may be sent here. */
  readonly isReady: () => boolean;
}

/** SPEC 8.11: unsigned, constant in cost, and silent about apps. `/up` answers as Reverb does. */
export function registerHealth(server: FastifyInstance, { isReady }: Health): void {
  for (const url of ['/live', '/ready', '/up']) refuseOtherMethods(server, url, 'GET', 'HEAD');
  server.get('/live', () => ({ live: true }));
  server.get('/ready', (_, reply) => reply.code(isReady() ? 200 : 503).send({ ready: isReady() }));
  server.get('/up', (_, reply) =>
    reply.code(isReady() ? 200 : 503).send({ health: isReady() ? 'OK' : 'DRAINING' }),
  );
}
