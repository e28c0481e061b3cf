import type { FastifyInstance } from 'fastify';
import type { ForgetRequest } from '../../core/ports/decisions.ts';
import { Conflict, readForgetRequest } from '../requests.ts';

/** The auth gateway (SPEC 14), for operators. */
export interface AuthControl {
  /** Resolves when no node uses such a decision any more. Rejects with `Unavailable`. */
  forget(what: ForgetRequest): Promise<void>;
  /** The last questions of clients, the newest first, each with how it was answered and why. */
  recent(): Promise<readonly object[]>;
}

const NO_GATEWAY = 'There is no auth gateway: set WAVEHALL_AUTH_UPSTREAM.';

/** Adds `/auth/forget` (SPEC 14.6) and `/auth/decisions` (SPEC 17.13). `undefined`: there is no gateway. */
export function addAuthRoutes(scope: FastifyInstance, auth: AuthControl | undefined): void {
  const control = (): AuthControl => {
    if (auth === undefined) throw new Conflict(NO_GATEWAY);
    return auth;
  };
  scope.get('/auth/decisions', async (_request, reply) =>
    reply.header('cache-control', 'no-store').send({ decisions: await control().recent() }),
  );
  scope.post('/auth/forget', async ({ body }) => {
    await control().forget(readForgetRequest(body));
    return {};
  });
}
