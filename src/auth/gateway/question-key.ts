import { hash } from 'node:crypto';
import { parseUrl } from '../../core/util/url.ts';
import type { HeaderLine } from '../../net/headers.ts';
import { partsOf } from '../recent/parts.ts';
import type { QuestionPart } from '../recent/recent.ts';
import { type Credentials, isNamed } from './credentials.ts';
import type { AuthRequest, Question } from './question.ts';

/** Headers without effect on a decision, `*` at the end for any rest, or that are compared by themselves. */
const IGNORED = [
  ...[
    'accept',
    'accept-encoding',
    'cache-control',
    'content-length',
    'content-type',
    'dnt',
    'pragma',
    'priority',
  ],
  ...['if-modified-since', 'if-none-match', 'upgrade-insecure-requests', 'sec-fetch-*'],
  // They prove that a page of the app asks, and change with each page: the credentials stand for them.
  ...['x-csrf-token', 'x-xsrf-token', 'x-socket-id'],
  ...['traceparent', 'tracestate', 'baggage', 'sentry-trace', 'x-request-id', 'x-correlation-id'],
  ...['x-amzn-trace-id', 'x-cloud-trace-context', 'x-b3-*', 'b3', 'cf-ray', 'cdn-loop', 'via'],
  ...['x-forwarded-for', 'x-forwarded-port', 'forwarded', 'x-real-ip', 'true-client-ip', 'cf-connecting-ip'],
  ...['authorization', 'cookie', 'referer'],
];

const IGNORED_NAMES = new Set(IGNORED);
const IGNORED_FAMILIES = IGNORED.filter((pattern) => pattern.endsWith('*'));

function isIgnored(name: string, further: readonly string[]): boolean {
  const isOneOf = (patterns: readonly string[]): boolean =>
    patterns.some((pattern) => isNamed(name, pattern));
  return IGNORED_NAMES.has(name) || isOneOf(IGNORED_FAMILIES) || isOneOf(further);
}

interface Asked {
  readonly request: AuthRequest;
  readonly question: Question;
  readonly credentials: Credentials;
  /** Headers as the app receives them. */
  readonly headers: readonly HeaderLine[];
  /** Names of further headers without effect. */
  readonly ignoredHeaders: readonly string[];
}

export interface QuestionKey {
  readonly key: string;
  readonly parts: readonly QuestionPart[];
}

/** SPEC 14.3: a digest that is equal for requests which may share a decision, and for no others, and the parts that it is made of. */
export function questionKey({ request, question, credentials, headers, ignoredHeaders }: Asked): QuestionKey {
  const { purpose, channel, further } = question;
  const counted = headers
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !isIgnored(name, ignoredHeaders))
    .sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
  const { bearer = '', session = '', cookies } = credentials;
  const { method, path, contentType } = request;
  const [type, referer] = [mediaType(contentType), refererOrigin(headers)];
  const text = JSON.stringify([
    ...[purpose, channel, further, method, path, type],
    ...[bearer, session, cookies, counted, referer],
  ]);
  return {
    key: hash('sha256', text, 'base64url'),
    parts: partsOf({ method, path, type, further, cookies, headers: counted, referer }),
  };
}

const mediaType = (contentType: string): string => contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';

/** Laravel Sanctum decides by it whether a request is one of the app's own pages. */
function refererOrigin(headers: readonly HeaderLine[]): string {
  const referer = headers.find(([name]) => name.toLowerCase() === 'referer')?.[1];
  return (referer && parseUrl(referer)?.origin) ?? '';
}
