import { Redis } from 'ioredis';
import type { Clock } from '../../core/ports/clock.ts';
import { within } from '../../core/util/time.ts';
import { failure, type Message, reasonOf, type SendResult, type Sink } from '../sink.ts';
import { jobPayload } from './job.ts';
import type { QueueAddress } from './queue-address.ts';

const RECONNECT_MS = 1000;

export interface LaravelQueueSinkOptions {
  readonly address: QueueAddress;
  /** Id of the app. */
  readonly app: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Pushes a job that a stock `php artisan queue:work` of Laravel runs. Nothing is queued here while Redis is away. */
export class LaravelQueueSink implements Sink {
  readonly #address: QueueAddress;
  readonly #app: string;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #redis: Redis;
  /** Why there is no connection: a command only finds that there is none. */
  #connectionError: Error | undefined;

  constructor({ address, app, timeoutMs, clock }: LaravelQueueSinkOptions) {
    this.#address = address;
    this.#app = app;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#redis = new Redis({
      ...address.server,
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      disableClientInfo: true,
      maxRetriesPerRequest: 0,
      connectTimeout: timeoutMs,
      commandTimeout: timeoutMs,
      retryStrategy: () => RECONNECT_MS,
    });
    this.#redis.on('error', (error: Error) => (this.#connectionError = error));
  }

  async send(message: Message): Promise<SendResult> {
    const late = (): SendResult => failure(`no answer of Redis in ${this.#timeoutMs} ms`);
    try {
      return await within(this.#push(message), this.#timeoutMs, late);
    } catch (error) {
      return failure(this.#reasonOf(error));
    }
  }

  close(): Promise<void> {
    this.#redis.disconnect();
    return Promise.resolve();
  }

  /** Finds what an operator can repair: the refusal of a command of the transaction, or of the connection. */
  #reasonOf(error: unknown): string {
    const { previousErrors = [] } = error as { previousErrors?: readonly unknown[] };
    if (this.#redis.status !== 'ready' && this.#connectionError !== undefined)
      return `no connection to Redis: ${reasonOf(this.#connectionError)}`;
    return reasonOf(previousErrors[0] ?? error);
  }

  /** Adds the job and wakes a worker that waits, in one step, as Laravel's script does. */
  async #push(message: Message): Promise<SendResult> {
    if (this.#redis.status === 'wait') await this.#redis.connect();
    const { prefix, queue, job } = this.#address;
    const key = `${prefix}queues:${queue}`;
    const pushed = this.#redis
      .multi()
      .rpush(key, jobPayload(job, this.#app, message, this.#clock()))
      .rpush(`${key}:notify`, 1);
    for (const [error] of (await pushed.exec()) ?? []) if (error !== null) throw error;
    return { isDelivered: true };
  }
}
