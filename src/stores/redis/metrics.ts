import { counter, gauge, histogram, type MergeRule, type Metric, scalar } from '../../core/ports/metric.ts';
import type { Histogram } from '../../core/util/histogram.ts';

/** Counts since the start. */
export interface RedisCounts {
  /** Times that missed events of a channel were read from its history. */
  readonly catchUps: number;
  /** Events that were missed and delivered from the history. */
  readonly recoveredEvents: number;
  /** Events that were missed and are no longer in the history. */
  readonly lostEvents: number;
  /** Times that missed events could not be read, and the channel continued with its newest event. */
  readonly unreadHistories: number;
  /** Histories and last events that were dropped or shortened because an app had too many bytes. */
  readonly droppedHistories: number;
  /** Invalid messages on pub/sub channels, and invalid data in keys. */
  readonly invalidData: number;
  /** Keys that Redis has evicted to make room, those of other programs included. */
  readonly evictedKeys: number;
  /** Channels of which a part was missing in Redis and was written again. */
  readonly repairedChannels: number;
  /** Publishes and terminations for which it stayed unknown whether Redis carried them out. */
  readonly unknownOutcomes: number;
}

/** The counters: name, help, the count, and how those of workers are merged. */
const COUNTERS: readonly (readonly [name: string, help: string, of: keyof RedisCounts, merge?: MergeRule])[] =
  [
    [
      'redis_catch_ups_total',
      'Times that this node read the missed events of a channel from its history.',
      'catchUps',
    ],
    [
      'redis_recovered_events_total',
      'Events that this node had missed and delivered from the history.',
      'recoveredEvents',
    ],
    [
      'redis_lost_events_total',
      'Events that this node did not deliver: published while it was disconnected from Redis, and no longer in the history.',
      'lostEvents',
    ],
    [
      'redis_unknown_outcomes_total',
      'Publishes and terminations for which it stayed unknown whether Redis carried them out.',
      'unknownOutcomes',
    ],
    [
      'redis_unread_histories_total',
      'Times that missed events could not be read and the channel continued with its newest event.',
      'unreadHistories',
    ],
    [
      'redis_dropped_histories_total',
      'Histories and last events dropped or shortened because an app exceeded WAVEHALL_HISTORY_MAX_BYTES.',
      'droppedHistories',
    ],
    [
      'redis_invalid_data_total',
      'Invalid messages on Redis channels (ignored) and invalid data in Redis keys (removed): another program may use WAVEHALL_REDIS_PREFIX.',
      'invalidData',
    ],
    // A count of the Redis server: every worker reads the same.
    [
      'redis_evicted_keys_total',
      'Keys that Redis evicted for lack of memory, those of other programs included.',
      'evictedKeys',
      'max',
    ],
    [
      'redis_repaired_channels_total',
      'Channels of which Redis had evicted keys that this node wrote again.',
      'repairedChannels',
    ],
  ];

/** Metrics of the Redis stores; values are read at each scrape. */
export const redisMetrics = (
  isReady: () => boolean,
  { roundTrip }: { readonly roundTrip: Histogram },
  counts: () => RedisCounts,
): Metric[] => [
  gauge('redis_ready', '1 while Redis is reachable and accepts every command.', [], 'min', () =>
    scalar(Number(isReady())),
  ),
  histogram('redis_round_trip_seconds', 'Time of a PING to Redis, sent every 400 ms.', [], () =>
    scalar(roundTrip),
  ),
  ...COUNTERS.map(([name, help, of, merge]) => counter(name, help, [], () => scalar(counts()[of]), merge)),
];
