import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { RefusalReason } from '../core/refusals/reasons.ts';
import type { Refusals } from '../core/refusals/refusals.ts';
import { pathOf } from '../core/util/http-text.ts';
import type { Answer, RefusalCause } from './errors.ts';

const BY_STATUS: Readonly<Record<number, RefusalReason>> = {
  401: 'http_signature',
  403: 'app_disabled',
  404: 'http_not_found',
  413: 'http_size',
  429: 'http_rate',
  503: 'http_unavailable',
  504: 'http_unknown_outcome',
};
/** Reasons that may come from an app of the environment that is not served. */
const MAY_BE_UNUSED_APP: readonly RefusalReason[] = ['http_unknown_app', 'http_signature'];

interface RefusalContext {
  readonly refusals: Refusals;
  readonly clock: () => number;
  readonly addressOf: (request: IncomingMessage) => string;
  readonly unusedAppsHint?: string | undefined;
}

/** Characters that the log shows of a text from a client. */
const MAX_LOGGED = 200;

/**
 * Counts a request that is answered with an error, and logs app, path, answer and what was expected. The query is left
 * out, because it holds the signature.
 */
export function countRefusal(
  { refusals, clock, addressOf, unusedAppsHint }: RefusalContext,
  request: FastifyRequest,
  answer: Answer,
): void {
  const { status, body, cause } = answer;
  const reason = cause?.reason ?? BY_STATUS[status] ?? 'http_request';
  const expected = [cause?.expected, MAY_BE_UNUSED_APP.includes(reason) ? unusedAppsHint : undefined].filter(
    Boolean,
  );
  const { appId } = (request.params ?? {}) as { appId?: string };
  const example = {
    status,
    ...(appId !== undefined && { app: appId.slice(0, MAX_LOGGED) }),
    method: request.method,
    path: pathOf(request.raw.url).slice(0, MAX_LOGGED),
    address: addressOf(request.raw),
    answer: (typeof body === 'string' ? body : JSON.stringify(body)).slice(0, MAX_LOGGED),
    ...(expected.length > 0 && { expected: expected.join('; ') }),
    ...(reason === 'http_timestamp' && { clockOffSeconds: clockOffSeconds(request.raw.url, clock()) }),
    ...(status === 413 && sizesOf(request, cause)),
  };
  refusals.count(reason, example, cause?.limit);
}

/** Seconds by which the clock of the publisher is before that of this server, or behind it if negative. */
function clockOffSeconds(url = '', nowMs: number): number {
  const [, seconds] = /[?&]auth_timestamp=(\d{1,15})/.exec(url) ?? [];
  return Math.round(Number(seconds ?? 0) - nowMs / 1000);
}

/** Bytes that were sent, and that are allowed, as far as they are known. */
function sizesOf({ headers }: FastifyRequest, cause: RefusalCause | undefined) {
  const sizeBytes = cause?.sizeBytes ?? Number(headers['content-length']);
  return {
    ...(Number.isSafeInteger(sizeBytes) && { sizeBytes }),
    ...(cause?.limitBytes !== undefined && { limitBytes: cause.limitBytes }),
  };
}
