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

test('2.1 a worker that exits soon after its start is restarted after a longer delay each time, up to the limit', () => {
  const delay = new RestartDelay();
  const waits = Array.from({ length: 12 }, () => delay.next(0));
  expect(waits.slice(0, 3)).toEqual([FIRST_WAIT_MS, 2 * FIRST_WAIT_MS, 4 * FIRST_WAIT_MS]);
  expect(waits.slice(-3)).toEqual([LONGEST_WAIT_MS, LONGEST_WAIT_MS, LONGEST_WAIT_MS]);
});

test('2.1 a worker that has served for long is restarted after the shortest delay', () => {
  const delay = new RestartDelay();
  for (let each = 0; each < 12; each += 1) delay.next(SETTLED_MS - 1);
  expect(delay.next(SETTLED_MS - 1)).toBe(LONGEST_WAIT_MS);
  expect(delay.next(SETTLED_MS)).toBe(FIRST_WAIT_MS);
  expect(delay.next(0)).toBe(2 * FIRST_WAIT_MS);
});

function broadcast(workers: readonly number[]) {
  const request = new BroadcastRequest<number>();
  const sent: [worker: number, id: number][] = [];
  const answers = request.ask(workers, (...each) => void sent.push(each));
  return { request, sent, answers, id: sent[0]?.[1] ?? 0 };
}

test('11.5 the request is sent to all workers, and each answer counts once', async () => {
  const { request, sent, answers, id } = broadcast([1, 2, 3]);
  expect(sent.map(([worker]) => worker)).toEqual([1, 2, 3]);
  for (const worker of [2, 2, 3, 4, 1]) request.answered(worker, id, `of ${worker}`);
  expect(await answers).toEqual(['of 2', 'of 3', 'of 1']);
  request.answered(1, id, 'late');
  request.answered(1, id + 1, 'to nothing');
});

test('11.5 a request does not wait for a worker that has exited, and only for its time limit for one that hangs', async () => {
  const ended = broadcast([1, 2]);
  ended.request.answered(1, ended.id, 'of 1');
  ended.request.leave(2);
  expect(await ended.answers).toEqual(['of 1']);

  const hanging = broadcast([1, 2]);
  hanging.request.answered(2, hanging.id, 'of 2');
  await vi.advanceTimersByTimeAsync(ANSWER_MS);
  expect(await hanging.answers).toEqual(['of 2']);
});

test('11.5 a request without workers has no answers', async () => {
  const { answers } = broadcast([]);
  await vi.advanceTimersByTimeAsync(ANSWER_MS);
  expect(await answers).toEqual([]);
});
