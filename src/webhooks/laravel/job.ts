import { randomBytes, randomUUID } from 'node:crypto';
import type { Message } from '../sink.ts';

/**
 * Payload of a job as Laravel's `RedisQueue` makes it for a class and a method. `data` is the body of the webhook; `wavehall` is what
 * the headers are for HTTP: a job finds it in `$job->payload()`.
 */
export const jobPayload = (job: string, app: string, { body, delivery, attempt }: Message): string =>
  JSON.stringify({
    uuid: randomUUID(),
    displayName: job.split('@')[0],
    job,
    maxTries: null,
    maxExceptions: null,
    failOnTimeout: false,
    backoff: null,
    timeout: null,
    data: JSON.parse(body) as unknown,
    id: randomBytes(16).toString('hex'),
    attempts: 0,
    wavehall: { app, delivery, attempt },
  });
