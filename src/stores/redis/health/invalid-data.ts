import { MinuteLog } from '../../../core/util/minute-log.ts';
import type { Logger } from '../../../core/ports/logger.ts';

/** Counts and logs invalid messages on pub/sub channels and invalid data in keys. */
export class InvalidData {
  readonly #keys: MinuteLog;
  readonly #messages: MinuteLog;

  constructor(logger: Logger) {
    this.#messages = new MinuteLog({
      logger,
      message:
        'Ignored an invalid message on a Redis channel: no node sends such. Does another program publish to channels that begin with WAVEHALL_REDIS_PREFIX?',
    });
    this.#keys = new MinuteLog({
      logger,
      message:
        'Removed invalid data from a Redis key: the nodes write it again. Does another program write to keys that begin with WAVEHALL_REDIS_PREFIX?',
    });
  }

  get count(): number {
    return this.#messages.total + this.#keys.total;
  }

  addMessage(pubsubChannel: string): void {
    this.#messages.add({ channel: pubsubChannel.slice(0, 256) });
  }

  addKey(key: string): void {
    this.#keys.add({ key: key.slice(0, 256) });
  }
}
