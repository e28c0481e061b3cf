import { splitTarget } from '../../core/util/http-text.ts';

/**
 * Mark of a request, from the time and the number that pusher-js puts into each; `undefined`: it has none. A browser sends a request
 * a second time by itself when its connection breaks before the head of the answer.
 */
export function markIn(target: string): string | undefined {
  const [, query] = splitTarget(target);
  const parameters = new URLSearchParams(query);
  const time = parameters.get('t') ?? '';
  const number = parameters.get('n') ?? '';
  return /^\d{1,14}$/.test(time) && /^\d{1,9}$/.test(number) ? `${time}_${number}` : undefined;
}
