import type { FastifyReply, FastifyRequest } from 'fastify';
import { Unavailable } from '../../core/ports/failures.ts';
import { BadRequest, Conflict } from '../requests.ts';

/** Most bytes of the body of a request. */
export const MAX_BODY_BYTES = 4096;

/** Author of a change, as the log and the status name it. */
export const changedBy = ({ ip }: FastifyRequest): string => `the admin API (${ip})`;

export const sendError = (reply: FastifyReply, status: number, error: string): FastifyReply =>
  reply.code(status).send({ error });

/** Answers a request that failed. Throws what is a defect. */
export function answerError(error: unknown, reply: FastifyReply): FastifyReply {
  const status = (error as { statusCode?: unknown }).statusCode;
  if (typeof status === 'number' && status >= 400 && status < 500)
    return sendError(reply, status, 'Bad request.');
  if (error instanceof Conflict) return sendError(reply, 409, error.message);
  if (error instanceof Unavailable) return sendError(reply, 503, error.message);
  if (error instanceof BadRequest || error instanceof RangeError) return sendError(reply, 400, error.message);
  throw error;
}
