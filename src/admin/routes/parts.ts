import type { FastifyInstance } from 'fastify';

/** Parts of the server that are on only where they are set up. */
export type Part = 'webhooks' | 'auth' | 'cutover' | 'examination';

/** Adds `/parts` (SPEC 17.13): the names of those that are on. */
export function addPartsRoute(scope: FastifyInstance, parts: Readonly<Record<Part, unknown>>): void {
  const names = Object.entries(parts).flatMap(([name, part]) => (part === undefined ? [] : [name]));
  scope.get('/parts', () => Promise.resolve({ parts: names }));
}
