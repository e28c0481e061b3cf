import type { MergeRule } from '../observability/metrics.ts';

/** How a figure of all workers comes from those of each, where it is not their sum. */
export const JOINED: Readonly<Record<string, MergeRule>> = {
  wavehall_workers_wanted: 'max',
  // All of them are, or the whole is not.
  wavehall_ready: 'min',
  wavehall_redis_ready: 'min',
  wavehall_cutover_shared: 'min',
  wavehall_bridge_connected: 'min',
  // Each of them sees the same.
  wavehall_redis_evicted_keys_total: 'max',
  // The same everywhere, but for a moment after a change.
  wavehall_cutover_percent: 'max',
  wavehall_cutover_last_good_percent: 'max',
  // Of times and breaches, the worst.
  wavehall_bridge_queue_oldest_seconds: 'max',
  wavehall_bridge_lag_seconds: 'max',
  wavehall_cutover_health_p50_seconds: 'max',
  wavehall_cutover_health_p99_seconds: 'max',
  wavehall_cutover_breaches: 'max',
};
