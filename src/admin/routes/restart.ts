import type { FastifyInstance } from 'fastify';
import { Conflict } from '../requests.ts';
import { changedBy, MAX_BODY_BYTES } from './answers.ts';

/** Restart of the processes, one by one. */
export interface RestartControl {
  /** Resolves with the state after the request; `isBegun` is false while a restart is running already. */
  begin(by: string): Promise<{ readonly isBegun: boolean; readonly state: RestartProgress }>;
  state(): Promise<RestartProgress>;
}

interface RestartProgress {
  readonly replaced: number;
  readonly workers: number;
}

const EMBEDDED =
  'This server is part of another program and cannot replace itself: restart that program, or start the server with `wavehall start`.';

/** Adds `/restart` (SPEC 11.5). `undefined`: nobody can start another process. */
export function addRestartRoutes(scope: FastifyInstance, restart: RestartControl | undefined): void {
  const control = (): RestartControl => {
    if (restart === undefined) throw new Conflict(EMBEDDED);
    return restart;
  };
  scope.get('/restart', () => control().state());
  scope.post('/restart', { bodyLimit: MAX_BODY_BYTES }, async (request, reply) => {
    const { isBegun, state } = await control().begin(changedBy(request));
    if (isBegun) return reply.code(202).send(state);
    throw new Conflict(
      `The server stops, or a restart is running already: ${state.replaced} of ${state.workers} workers are replaced.`,
    );
  });
}
