import { MinuteLog } from '../../../core/util/minute-log.ts';
import type { Logger } from '../../../core/ports/logger.ts';

/** Messages on the bus, and what keys hold, that are none of ours: counted, and logged. */
export class InvalidData {
  readonly #keys: MinuteLog;
  readonly #messages: MinuteLog;

  constructor(logger: Logger) {
    this.#messages = new MinuteLog({
      logger,
      what: 'Something on the bus is no message of ours: it and its like are ignored',
    });
    this.#keys = new MinuteLog({
      logger,
      what: 'A key in Redis holds what no node wrote: it was removed, and is written anew. Does another program use WAVEHALL_REDIS_PREFIX?',
    });
  }

  get count(): number {
    return this.#messages.total + this.#keys.total;
  }

  /** A message of a bus channel. */
  add(bus: string): void {
    this.#messages.add({ bus: bus.slice(0, 256) });
  }

  addKey(key: string): void {
    this.#keys.add({ key: key.slice(0, 256) });
  }
}
