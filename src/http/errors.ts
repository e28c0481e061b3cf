import { OutcomeUnknown, Unavailable } from '../core/ports/failures.ts';
import type { RefusalReason } from '../core/refusals.ts';

export interface Answer {
  readonly status: number;
  /** A text, or an object that is sent as JSON. */
  readonly body: string | object;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the log of the operator, not for the client. */
  readonly cause?: RefusalCause | undefined;
}

/** Why a request was refused, where its status does not say it. Never a secret, nothing of the query. */
export interface RefusalCause {
  readonly reason?: RefusalReason;
  readonly expected?: string;
}

/** A request that is answered with something else than success (SPEC 8.3). */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly answer: Answer;

  constructor(
    status: number,
    body: string | object,
    headers: Readonly<Record<string, string>> = {},
    cause?: RefusalCause,
  ) {
    super(typeof body === 'string' ? body : JSON.stringify(body));
    this.answer = { status, body, headers, cause };
  }
}

/** Reverb's texts. */
const TEXTS: Readonly<Record<number, string>> = {
  400: 'Bad request.',
  404: 'Not found.',
  405: 'Method not allowed.',
  408: 'Request timeout.',
  413: 'Payload too large.',
  414: 'URI too long.',
  426: 'Upgrade required.',
  429: 'Too many requests.',
  500: 'Internal server error.',
  503: 'Service unavailable.',
  504: 'Outcome unknown: it may have been delivered.',
};

export const httpError = (
  status: keyof typeof TEXTS,
  headers?: Readonly<Record<string, string>>,
  cause?: RefusalCause,
): HttpError => new HttpError(status, TEXTS[status] ?? 'Bad request.', headers, cause);

/** What to answer when handling a request ended with this; `undefined` for a defect, which is not the client's affair. */
export function answerTo(error: unknown): Answer | undefined {
  if (error instanceof HttpError) return error.answer;
  if (error instanceof Unavailable) return httpError(503, { 'retry-after': '1' }).answer;
  if (error instanceof OutcomeUnknown) return httpError(504).answer;
  const status = (error as { statusCode?: unknown } | null | undefined)?.statusCode;
  return typeof status === 'number' && status >= 400 && status < 500 ? httpError(status).answer : undefined;
}

export const INTERNAL_ERROR: Answer = httpError(500).answer;
