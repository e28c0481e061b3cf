import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  RestartDelay,
  FIRST_WAIT_MS,
  LONGEST_WAIT_MS,
  SETTLED_MS,
} from '../../src/cli/workers/restart-delay.ts';
import { ANSWER_MS, BroadcastRequest } from '../../src/cli/workers/broadcast-request.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('2.1 a worker that ends soon is started again after a longer pause each time, up to the limit', () => {
  const backoff = new RestartDelay();
  const waits = Array.from({ length: 12 }, () => backoff.next(0));
  expect(waits.slice(0, 3)).toEqual([FIRST_WAIT_MS, 2 * FIRST_WAIT_MS, 4 * FIRST_WAIT_MS]);
  expect(waits.slice(-3)).toEqual([LONGEST_WAIT_MS, LONGEST_WAIT_MS, LONGEST_WAIT_MS]);
});

test('2.1 a worker that served for long is started again at once', () => {
  const backoff = new RestartDelay();
  for (let each = 0; each < 12; each += 1) backoff.next(SETTLED_MS - 1);
  expect(backoff.next(SETTLED_MS - 1)).toBe(LONGEST_WAIT_MS);
  expect(backoff.next(SETTLED_MS)).toBe(FIRST_WAIT_MS);
  expect(backoff.next(0)).toBe(2 * FIRST_WAIT_MS);
});

function question(workers: readonly number[]) {
  const request = new BroadcastRequest();
  const asked: [worker: number, id: number][] = [];
  const answers = request.ask(workers, (...each) => void asked.push(each));
  return { request, asked, answers, id: asked[0]?.[1] ?? 0 };
}

test('11.5 all workers are asked, and each answer counts once', async () => {
  const { request, asked, answers, id } = question([1, 2, 3]);
  expect(asked.map(([worker]) => worker)).toEqual([1, 2, 3]);
  for (const worker of [2, 2, 3, 4, 1]) request.answered(worker, id, `of ${worker}`);
  expect(await answers).toEqual(['of 2', 'of 3', 'of 1']);
  request.answered(1, id, 'late');
  request.answered(1, id + 1, 'to nothing');
});

test('11.5 a request does not wait for a worker that ended, and only briefly for one that hangs', async () => {
  const ended = question([1, 2]);
  ended.request.answered(1, ended.id, 'of 1');
  ended.request.leave(2);
  expect(await ended.answers).toEqual(['of 1']);

  const hanging = question([1, 2]);
  hanging.request.answered(2, hanging.id, 'of 2');
  await vi.advanceTimersByTimeAsync(ANSWER_MS);
  expect(await hanging.answers).toEqual(['of 2']);
});

test('11.5 a request without workers has no answers', async () => {
  const { answers } = question([]);
  await vi.advanceTimersByTimeAsync(ANSWER_MS);
  expect(await answers).toEqual([]);
});
