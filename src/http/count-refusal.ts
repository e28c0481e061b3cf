import type { FastifyRequest } from 'fastify';
import type { RefusalReason, Refusals } from '../core/refusals.ts';
import { pathOf } from '../core/util/http-text.ts';
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
/** Reasons that a request has too when it is for an app that the environment names and that is not served. */
const OF_ANOTHER_APP: readonly RefusalReason[] = ['http_unknown_app', 'http_signature'];

interface RefusalContext {
  readonly refusals: Refusals;
  readonly unusedAppsHint?: string | undefined;
}

/** Of anything that a client wrote, the log shows so many characters. */
const SHOWN = 200;

/**
 * Counts a request that is answered with an error: which app and path, what was answered and what was expected. The
 * query is left out: it is signed.
 */
export function countRefusal(
  { refusals, unusedAppsHint }: RefusalContext,
  request: FastifyRequest,
  answer: Answer,
): void {
  const { status, body, cause } = answer;
  const reason = cause?.reason ?? BY_STATUS[status] ?? 'http_request';
  const expected = [cause?.expected, OF_ANOTHER_APP.includes(reason) ? unusedAppsHint : undefined].filter(
    Boolean,
  );
  const { appId } = (request.params ?? {}) as { appId?: string };
  refusals.count(reason, {
    status,
    ...(appId !== undefined && { app: appId.slice(0, SHOWN) }),
    method: request.method,
    path: pathOf(request.raw.url).slice(0, SHOWN),
    address: request.ip,
    answer: (typeof body === 'string' ? body : JSON.stringify(body)).slice(0, SHOWN),
    ...(expected.length > 0 && { expected: expected.join('; ') }),
  });
}
