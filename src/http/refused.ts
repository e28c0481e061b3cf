import type { FastifyRequest } from 'fastify';
import type { RefusalReason, Refusals } from '../core/refusals.ts';
import type { Answer } from './errors.ts';

const BY_STATUS: Readonly<Record<number, RefusalReason>> = {
  401: 'http_signature',
  403: 'app_disabled',
  404: 'http_not_found',
  413: 'http_size',
  429: 'http_rate',
  503: 'http_unavailable',
  504: 'http_unknown_outcome',
};
/** Of anything that a client wrote, the log shows so many characters. */
const SHOWN = 200;

/**
 * Counts a request that is answered with an error: which app and path, what was answered and what was expected. The
 * query is left out: it is signed.
 */
export function countRefusal(refusals: Refusals, request: FastifyRequest, answer: Answer): void {
  const { status, body, cause } = answer;
  const { appId } = (request.params ?? {}) as { appId?: string };
  refusals.count(cause?.reason ?? BY_STATUS[status] ?? 'http_request', {
    status,
    ...(appId !== undefined && { app: appId.slice(0, SHOWN) }),
    method: request.method,
    path: (request.raw.url ?? '').split('?', 1)[0]?.slice(0, SHOWN) ?? '',
    address: request.ip,
    answer: (typeof body === 'string' ? body : JSON.stringify(body)).slice(0, SHOWN),
    ...(cause?.expected !== undefined && { expected: cause.expected }),
  });
}
