import { MinuteLog } from '../../../core/util/minute-log.ts';
import type { ChannelRef, Replayed } from '../../../core/ports/events.ts';
import type { Logger } from '../../../core/ports/logger.ts';

/** Counts what this node missed while it was disconnected from Redis, and logs what clients did not get. */
export class MissedEventsLog {
  /** Times that missed events of a channel were read from its history. */
  catchUps = 0;
  /** Events that were missed and delivered from the history. */
  recoveredEvents = 0;
  /** Events that were missed and are no longer in the history. */
  lostEvents = 0;
  /** Receives what is recovered; set when the receiver starts. */
  replayed: Replayed | undefined;
  readonly #logger: Logger;
  readonly #unreadLog: MinuteLog;

  constructor(logger: Logger) {
    this.#logger = logger;
    this.#unreadLog = new MinuteLog({
      logger,
      message:
        'Clients missed events of a channel: its history in Redis cannot be read; newer events are delivered. If it repeats, check whether another program writes to keys that begin with WAVEHALL_REDIS_PREFIX',
    });
  }

  /** Times that missed events could not be read, and the channel continued with its newest event. */
  get unreadHistories(): number {
    return this.#unreadLog.total;
  }

  recovered(ref: ChannelRef, events: number): void {
    if (events === 0) return;
    this.recoveredEvents += events;
    this.replayed?.(ref, events);
  }

  unread({ app, channel }: ChannelRef, reason: string): void {
    this.#unreadLog.add({ app, channel, reason });
  }

  lost({ app, channel }: ChannelRef, count: number): void {
    if (count <= 0) return;
    this.lostEvents += count;
    this.#logger.warn(
      'Clients missed events: they were published while this node was disconnected from Redis, and the history no longer has them. Find out why it was; to keep more, raise WAVEHALL_HISTORY_SIZE, WAVEHALL_HISTORY_TTL or WAVEHALL_HISTORY_MAX_BYTES',
      { app, channel, count },
    );
  }
}
