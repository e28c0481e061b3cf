import type { FastifyInstance, FastifyRequest } from 'fastify';
import { readPercentRequest, readRollbackRequest, type RollbackTarget } from '../requests.ts';
import { changedBy, MAX_BODY_BYTES, sendError } from './answers.ts';

export interface MoveOptions {
  readonly move: boolean;
  /** Move connections even to a server that cannot be reached. */
  readonly force: boolean;
}

/** Operator's view of the cutover. `set` and `rollBack` reject with `Conflict` when they would move connections to a server that cannot be reached. */
export interface CutoverControl {
  status(): object | Promise<object>;
  set(percent: number, by: string, how: MoveOptions): Promise<void>;
  rollBack(to: RollbackTarget, by: string, how: MoveOptions): Promise<void>;
}

const NO_CUTOVER = 'There is no cutover: WAVEHALL_CUTOVER_UPSTREAM is not set.';

/** Adds `/cutover` (SPEC 11.5). `undefined`: there is no upstream. */
export function addCutoverRoutes(scope: FastifyInstance, cutover: CutoverControl | undefined): void {
  const route = (
    method: 'GET' | 'PUT' | 'POST',
    url: string,
    act: (cutover: CutoverControl, request: FastifyRequest) => Promise<void> | void,
  ): void => {
    scope.route({
      method,
      url,
      bodyLimit: MAX_BODY_BYTES,
      handler: async (request, reply) => {
        if (cutover === undefined) return sendError(reply, 404, NO_CUTOVER);
        await act(cutover, request);
        return reply.send(await cutover.status());
      },
    });
  };
  route('GET', '/cutover', () => undefined);
  route('PUT', '/cutover', (control, request) => {
    const { percent, ...how } = readPercentRequest(request.body);
    return control.set(percent, changedBy(request), how);
  });
  route('POST', '/cutover/rollback', (control, request) => {
    const { to, ...how } = readRollbackRequest(request.body);
    return control.rollBack(to, changedBy(request), how);
  });
}
