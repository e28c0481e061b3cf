import { LRUCache } from 'lru-cache';
import type { HttpAnswer } from '../../net/http-client.ts';
import type { OutgoingRequest } from './app-upstream.ts';

const MOST_KEPT = 1000;
const KEPT_MS = 60_000;
const ASKED = ['host', 'origin', 'access-control-request-method', 'access-control-request-headers'];

/**
 * The app's answers to the preflights of browsers, which hold no credentials: a page on another origin sends one with each
 * question. Only answers that allow the origin are kept.
 */
export class Preflights {
  readonly #kept = new LRUCache<string, HttpAnswer>({ max: MOST_KEPT, ttl: KEPT_MS });

  /** The app's answer to an equal preflight; `undefined`: the app is to be asked. */
  find(request: OutgoingRequest): HttpAnswer | undefined {
    return request.method === 'OPTIONS' ? this.#kept.get(keyOf(request)) : undefined;
  }

  /** Keeps the answer if the request is a preflight. */
  keep(request: OutgoingRequest, answer: HttpAnswer): void {
    const { 'access-control-allow-origin': origin, 'set-cookie': cookies } = answer.headers;
    const isAllowed = answer.status < 300 && origin !== undefined && cookies === undefined;
    if (request.method === 'OPTIONS' && isAllowed) this.#kept.set(keyOf(request), answer);
  }
}

function keyOf({ target, headers }: OutgoingRequest): string {
  const named = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return JSON.stringify([target, ...ASKED.map((name) => named.get(name))]);
}
