import type { FastifyInstance, HTTPMethods } from 'fastify';
import { httpError } from './errors.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const;

/** SPEC 8.3: a known path answers other methods with 405 and the right ones. */
export function refuseOtherMethods(scope: FastifyInstance, url: string, ...allowed: HTTPMethods[]): void {
  const others = METHODS.filter((method) => !allowed.includes(method));
  const error = httpError(405, { allow: allowed.join(', ') });
  const refuse = (): never => {
    throw error;
  };
  // Before a body is read: what a body is called, or how large it is, makes no other answer.
  scope.route({ method: others, url, onRequest: refuse, handler: refuse });
}
