import { randomUUID } from 'node:crypto';
import type { Message } from '../sink.ts';

/**
 * Payload of a job as `RedisQueue` of Laravel 12 makes it for a class and a method, with what Horizon adds to it when it pushes one.
 * `data` is the body of the webhook; `wavehall` is what the headers are for HTTP: a job finds it in `$job->payload()`.
 */
export function jobPayload(
  job: string,
  app: string,
  { body, delivery, attempt }: Message,
  nowMs: number,
): string {
  const id = randomUUID();
  return JSON.stringify({
    uuid: id,
    displayName: job.split('@')[0],
    job,
    maxTries: null,
    maxExceptions: null,
    failOnTimeout: false,
    backoff: null,
    timeout: null,
    data: JSON.parse(body) as unknown,
    createdAt: Math.floor(nowMs / 1000),
    id,
    attempts: 0,
    ...horizonFields(app, nowMs),
    wavehall: { app, delivery, attempt },
  });
}

/** Horizon's pages read these of every job; a tag can be searched for among the failed jobs. */
const horizonFields = (app: string, nowMs: number) => ({
  type: 'job',
  tags: ['wavehall', `wavehall:${app}`],
  silenced: false,
  pushedAt: String(nowMs / 1000),
});
