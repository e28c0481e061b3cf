import type { FastifyInstance } from 'fastify';

/** State of the server, for operators. */
export interface StatusSource {
  /** Named sections of this process, and `workers`: those of each. */
  status(): Promise<object>;
  /** The configured apps, without secrets. */
  apps(): readonly object[];
}

/** Adds `/status` and `/apps` (SPEC 11.5). */
export function addStatusRoutes(scope: FastifyInstance, source: StatusSource): void {
  scope.get('/status', () => source.status());
  scope.get('/apps', () => Promise.resolve({ apps: source.apps() }));
}
