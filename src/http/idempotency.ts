import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { OnceRequest } from '../core/channels/once-request.ts';
import { ifUnavailable } from '../core/ports/failures.ts';
import { DIGEST_LENGTH } from '../core/requests/idempotency.ts';
import type { IdempotencyKeys, KeyedRequest } from '../core/ports/nodes/idempotency.ts';
import type { AppTraffic } from '../core/traffic/app-traffic.ts';
import { HttpError } from './errors.ts';

export interface IdempotencyOptions {
  /** 0: the header has no effect. */
  readonly idempotencySeconds: number;
  /** Characters of a key. */
  readonly idempotencyKeyLength: number;
}

interface IdempotencyDeps {
  readonly idempotencyKeys: IdempotencyKeys;
  readonly idempotency: IdempotencyOptions;
  readonly traffic: { of(app: string): AppTraffic };
}

/** Parts of a request that make it the same as another one. */
interface Call {
  readonly app: { readonly id: string };
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const HEADERS = ['idempotency-key', 'x-idempotency-key'];

/**
 * Time for which an event stays marked as published after its key is forgotten. A repeated request that found the key a moment
 * before ends within this time.
 */
const MARK_EXTRA_MS = 60_000;

/**
 * Handles a publish with an idempotency key once (SPEC 8.16). A repeated one is handled too, but each of its events is published
 * only if it was not before: so it completes what a node that ended has left undone, and two at the same time need not wait for
 * each other. Call it with a valid body: a request that is refused binds no key.
 */
export async function once(
  api: IdempotencyDeps,
  call: Call,
  route: string,
  handle: (request?: OnceRequest) => Promise<object>,
): Promise<object> {
  const text = keyIn(call.headers, api.idempotency);
  if (text === undefined) return handle();
  const app = call.app.id;
  const keyed = { app, key: digest(text), request: digest(`${route}\n`, call.body) };
  const ttlMs = api.idempotency.idempotencySeconds * 1000;
  const { use, answer: kept } = await api.idempotencyKeys.claim(keyed, ttlMs);
  if (use === 'other') throw otherRequest();
  if (use === 'repeated') api.traffic.of(app).apiRepeats += 1;
  if (kept !== undefined) return JSON.parse(kept) as object;
  const answer = await handle({ id: digest(keyed.key, keyed.request), ttlMs: ttlMs + MARK_EXTRA_MS });
  return Object.keys(answer).length === 0 ? answer : keepAnswer(api, keyed, answer);
}

/** Resolves with the answer of the first request. The events are published: an answer that cannot be kept is no failure. */
async function keepAnswer(
  { idempotencyKeys }: IdempotencyDeps,
  keyed: KeyedRequest,
  answer: object,
): Promise<object> {
  const text = JSON.stringify(answer);
  const counting = await ifUnavailable(idempotencyKeys.keepAnswer(keyed, text), () => text);
  return JSON.parse(counting) as object;
}

/** The key of a request; `undefined`: it has none, or keys have no effect. Throws a 400 for one that is not valid. */
function keyIn(
  headers: IncomingHttpHeaders,
  { idempotencySeconds, idempotencyKeyLength: most }: IdempotencyOptions,
): string | undefined {
  if (idempotencySeconds === 0) return undefined;
  const [key, ...others] = HEADERS.flatMap((name) => headers[name] ?? []);
  if (others.some((other) => other !== key)) throw new HttpError(400, 'Two idempotency keys.');
  if (key === undefined || (key.length <= most && /^[\x20-\x7e]+$/.test(key))) return key;
  throw new HttpError(400, `An idempotency key is 1 to ${most} characters of printable ASCII.`);
}

const otherRequest = (): HttpError =>
  new HttpError(
    422,
    { idempotency_key: ['The idempotency key was used for another request.'] },
    {},
    { reason: 'http_idempotency' },
  );

function digest(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('base64url').slice(0, DIGEST_LENGTH);
}
