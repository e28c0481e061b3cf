import type { FastifyInstance, HTTPMethods } from 'fastify';
import { httpError } from './errors.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const;

/** Answers other methods on a known path with 405 and the allowed ones (SPEC 8.3). */
export function refuseOtherMethods(scope: FastifyInstance, url: string, ...allowed: HTTPMethods[]): void {
  const others = METHODS.filter((method) => !allowed.includes(method));
  const error = httpError(405, { allow: allowed.join(', ') });
  const refuse = (): never => {
    throw error;
  };
  // Before the body is read, so that its type or size does not cause another answer.
  scope.route({ method: others, url, onRequest: refuse, handler: refuse });
}
