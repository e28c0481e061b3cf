import type { FastifyRequest } from 'fastify';
import type { RefusalReason, Refusals } from '../core/refusals.ts';
import type { Answer } from './errors.ts';

const BY_STATUS: Readonly<Record<number, RefusalReason>> = {
  401: 'http_signature',
  403: 'app_disabled',
  404: 'http_unknown_app',
  413: 'http_size',
  429: 'http_rate',
  503: 'http_unavailable',
};

/** Counts a request that is answered with an error: its path and what was wrong, without the query, which is signed. */
export function countRefusal(refusals: Refusals, request: FastifyRequest, { status, body }: Answer): void {
  refusals.count(BY_STATUS[status] ?? 'http_request', {
    status,
    path: (request.raw.url ?? '').split('?', 1)[0]?.slice(0, 200) ?? '',
    address: request.ip,
    answer: (typeof body === 'string' ? body : JSON.stringify(body)).slice(0, 200),
  });
}
