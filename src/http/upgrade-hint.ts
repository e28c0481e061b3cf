import type { FastifyInstance, FastifyReply } from 'fastify';
import { httpError } from './errors.ts';

/** Answers plain requests of `/app/{key}` with 426 and `Upgrade: websocket`; keep-alive works as usual (SPEC 2.1). */
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
