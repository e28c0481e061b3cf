import type { FastifyInstance, FastifyReply } from 'fastify';
import { httpError } from './errors.ts';

/** SPEC 2.1: a plain request of the socket's address is told what it is for, and its connection is kept or closed as it asks. */
export function registerUpgradeHint(scope: FastifyInstance): void {
  const { status, body } = httpError(426).answer;
  const hint = (reply: FastifyReply): FastifyReply =>
    reply
      .code(status)
      .headers({ upgrade: 'websocket', connection: reply.raw.shouldKeepAlive ? 'Upgrade' : 'Upgrade, close' })
      .type('text/plain; charset=utf-8')
      .send(body);
  for (const url of ['/app/:appKey', '/app/:appKey/']) scope.get(url, (_, reply) => hint(reply));
}
