import type { FastifyInstance } from 'fastify';
import { Conflict } from '../requests.ts';
import { MAX_BODY_BYTES } from './answers.ts';

/** Commands that look at the server or at its machine. */
export type Examination = 'doctor' | 'capacity';

/** Runs a command for this server, in a process of its own. Resolves with its JSON, rejects with `Unavailable`. */
export type Examiner = (what: Examination) => Promise<object>;

const EMBEDDED =
  'This server is part of another program: run `wavehall doctor` or `wavehall capacity` on its machine.';

/** Adds `/doctor` and `/capacity` (SPEC 17.12). `undefined`: nobody can start another process. */
export function addExaminationRoutes(scope: FastifyInstance, examine: Examiner | undefined): void {
  let running: Examination | undefined;
  for (const what of ['doctor', 'capacity'] as const)
    scope.post(`/${what}`, { bodyLimit: MAX_BODY_BYTES }, async (_request, reply) => {
      if (examine === undefined) throw new Conflict(EMBEDDED);
      if (running !== undefined) throw new Conflict(`wavehall ${running} runs already: wait until it ends.`);
      running = what;
      try {
        return await reply.header('cache-control', 'no-store').send(await examine(what));
      } finally {
        running = undefined;
      }
    });
}
