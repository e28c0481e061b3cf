import { LRUCache } from 'lru-cache';
import type { HttpAnswer } from '../../net/http-client.ts';
import type { AuthRequest } from './question.ts';

const MOST_KEPT = 1000;
const KEPT_MS = 60_000;
const ASKED = ['host', 'origin', 'access-control-request-method', 'access-control-request-headers'];

/**
 * The app's answers to the preflights of browsers, which hold no credentials: a page on another origin sends one with each
 * question. Only answers that allow the origin are kept.
 */
export class Preflights {
  readonly #kept = new LRUCache<string, HttpAnswer>({ max: MOST_KEPT, ttl: KEPT_MS });

  async answer(
    { path, rawQuery }: AuthRequest,
    headers: Readonly<Record<string, string>>,
    ask: () => Promise<HttpAnswer>,
  ): Promise<HttpAnswer> {
    const named = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    const key = JSON.stringify([path, rawQuery, ...ASKED.map((name) => named.get(name))]);
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const answer = await ask();
    const { 'access-control-allow-origin': origin, 'set-cookie': cookies } = answer.headers;
    if (answer.status < 300 && origin !== undefined && cookies === undefined) this.#kept.set(key, answer);
    return answer;
  }
}
