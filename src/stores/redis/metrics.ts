import { counter, gauge, scalar } from '../../core/ports/metric.ts';
import type { Metric } from '../../core/ports/metric.ts';

/** What has been counted since the start. */
export interface RedisCounters {
  /** Events that were published and could be had nowhere any more. */
  readonly lostEvents: number;
  /** Times that a history could not be read, and its channel went on with the newest event. */
  readonly unreadHistories: number;
  /** Histories and last events that were dropped or shortened because an app had too many bytes. */
  readonly droppedHistories: number;
  /** Messages on the bus, and contents of keys, that no node wrote. */
  readonly garbage: number;
  /** Keys that Redis has evicted to make room, whoever wrote them. */
  readonly evictedKeys: number;
  /** Channels of which a part was gone from Redis and was written again. */
  readonly repairedChannels: number;
  /** Publishes of which it could not be found out whether Redis took them. */
  readonly unknownOutcomes: number;
}

/** What of Redis may be watched; each is asked when somebody looks. */
export function redisMetrics(isReady: () => boolean, counters: () => RedisCounters): Metric[] {
  return [
    gauge('redis_ready', '1 while Redis is there and takes everything.', [], 'min', () =>
      scalar(Number(isReady())),
    ),
    counter('redis_lost_events_total', 'Events that could be had nowhere any more.', [], () =>
      scalar(counters().lostEvents),
    ),
    counter(
      'redis_unknown_outcomes_total',
      'Publishes and orders of which it could not be found out whether Redis took them.',
      [],
      () => scalar(counters().unknownOutcomes),
    ),
    counter(
      'redis_unread_histories_total',
      'Times that a history could not be read, and its channel went on with the newest event.',
      [],
      () => scalar(counters().unreadHistories),
    ),
    counter(
      'redis_dropped_histories_total',
      'Histories and last events that were dropped or shortened because an app had too many bytes.',
      [],
      () => scalar(counters().droppedHistories),
    ),
    counter('redis_garbage_total', 'Messages on the bus, and contents of keys, that no node wrote.', [], () =>
      scalar(counters().garbage),
    ),
    counter(
      'redis_evicted_keys_total',
      'Keys that Redis has evicted to make room, whoever wrote them.',
      [],
      () => scalar(counters().evictedKeys),
      // A count of the Redis server: every worker reads the same.
      'max',
    ),
    counter(
      'redis_repaired_channels_total',
      'Channels of which Redis had evicted a part that was written again.',
      [],
      () => scalar(counters().repairedChannels),
    ),
  ];
}
