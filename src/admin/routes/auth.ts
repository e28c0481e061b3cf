import type { FastifyInstance } from 'fastify';
import type { ForgetRequest } from '../../core/ports/decisions.ts';
import { Conflict, readForgetRequest } from '../requests.ts';

/** The decisions that the auth gateway remembers (SPEC 14.6). */
export interface ForgetControl {
  /** Resolves when no node uses such a decision any more. Rejects with `Unavailable`. */
  forget(what: ForgetRequest): Promise<void>;
}

/** Adds `/auth/forget` (SPEC 14.6). `undefined`: there is no gateway. */
export function addAuthRoutes(scope: FastifyInstance, control: ForgetControl | undefined): void {
  scope.post('/auth/forget', async ({ body }) => {
    if (control === undefined) throw new Conflict('There is no auth gateway: set WAVEHALL_AUTH_UPSTREAM.');
    await control.forget(readForgetRequest(body));
    return {};
  });
}
