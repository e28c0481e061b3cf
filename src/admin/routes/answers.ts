import type { FastifyReply, FastifyRequest } from 'fastify';

/** Most bytes of the body of a request. */
export const MAX_BODY_BYTES = 4096;

/** Author of a change, as the log and the status name it. */
export const changedBy = ({ ip }: FastifyRequest): string => `the admin API (${ip})`;

export const sendError = (reply: FastifyReply, status: number, error: string): FastifyReply =>
  reply.code(status).send({ error });
