import { readConfig } from '../../src/config/index.ts';
import type { WatchLimits } from '../../src/cutover/watch-limits.ts';

/** The limits without any setting. */
export const DEFAULT_WATCH_LIMITS = readConfig({ WAVEHALL_CUTOVER_UPSTREAM: 'http://127.0.0.1:8081' }).cutover
  ?.watch as WatchLimits;
