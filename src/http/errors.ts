import { OutcomeUnknown, Unavailable } from '../core/ports/failures.ts';
import type { AppLimits } from '../core/app.ts';
import type { RefusalReason } from '../core/refusals/reasons.ts';

/** Response to a request. */
export interface Answer {
  readonly status: number;
  /** Plain text, or an object that is sent as JSON. */
  readonly body: string | object;
  readonly headers?: Readonly<Record<string, string>>;
  /** Shown in the log, not to the client. */
  readonly cause?: RefusalCause | undefined;
}

/** Why a request was refused, where the status alone does not tell. Holds no secret and nothing of the query. */
export interface RefusalCause {
  readonly reason?: RefusalReason;
  readonly expected?: string;
  /** The limit that was exceeded. */
  readonly limit?: keyof AppLimits;
  /** Bytes that were sent, and that are allowed. */
  readonly sizeBytes?: number;
  readonly limitBytes?: number;
}

/** Ends a request with an answer that is not 200 (SPEC 8.3). */
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

/** Bodies of answers; those that Reverb has are Reverb's. */
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

/** Answer to a request whose handling ended with `error`; `undefined` for a defect of the server. */
export function answerTo(error: unknown): Answer | undefined {
  if (error instanceof HttpError) return error.answer;
  if (error instanceof Unavailable) return httpError(503, { 'retry-after': '1' }).answer;
  if (error instanceof OutcomeUnknown) return httpError(504).answer;
  const status = (error as { statusCode?: unknown } | null | undefined)?.statusCode;
  return typeof status === 'number' && status >= 400 && status < 500 ? httpError(status).answer : undefined;
}

export const INTERNAL_ERROR: Answer = httpError(500).answer;
