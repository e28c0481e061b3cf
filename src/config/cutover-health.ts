import { integer, type SettingType, limit, type Values, setting } from '../settings/settings.ts';
import type { WatchLimits } from '../cutover/watch-limits.ts';

/** A share from 0 to 1, written in percent. */
const shareInPercent: SettingType<number> = {
  expected: 'a number from 0 to 100',
  parse(given) {
    const value = /^\d{1,3}(\.\d{1,3})?$/.test(given) ? Number(given) : undefined;
    return value !== undefined && value <= 100 ? value / 100 : undefined;
  },
};

/** Settings of the health checks of both servers and of the automatic rollback (SPEC 11.14, 11.15). */
export const HEALTH_SETTINGS = {
  watchWindowSeconds: setting(
    'WAVEHALL_CUTOVER_WINDOW_SECONDS',
    integer(5, 600),
    20,
    'Window over which the health of both servers is measured, in seconds.',
  ),
  breachSeconds: setting(
    'WAVEHALL_CUTOVER_BREACH_SECONDS',
    limit,
    10,
    'Seconds that a breach must last before the automatic rollback; 0: no automatic rollback.',
  ),
  goodSeconds: setting(
    'WAVEHALL_CUTOVER_GOOD_SECONDS',
    integer(1),
    60,
    'Seconds without a breach after which a percentage counts as good.',
  ),
  breachSamples: setting(
    'WAVEHALL_CUTOVER_BREACH_SAMPLES',
    integer(1),
    5,
    'Minimum number of events in the window before a failure rate counts.',
  ),
  breachConnectShare: setting(
    'WAVEHALL_CUTOVER_BREACH_CONNECT_PERCENT',
    shareInPercent,
    10,
    'Percentage of failed test connects that is a breach; 0: never a breach.',
  ),
  breachSubscribeShare: setting(
    'WAVEHALL_CUTOVER_BREACH_SUBSCRIBE_PERCENT',
    shareInPercent,
    20,
    'Percentage of failed test subscriptions that is a breach; 0: never a breach.',
  ),
  breachApiShare: setting(
    'WAVEHALL_CUTOVER_BREACH_API_PERCENT',
    shareInPercent,
    5,
    'Percentage of signed HTTP API requests answered with 5xx that is a breach; 0: never a breach.',
  ),
  breachLostShare: setting(
    'WAVEHALL_CUTOVER_BREACH_LOST_PERCENT',
    shareInPercent,
    10,
    'Percentage of lost canary events that is a breach; 0: never a breach.',
  ),
  breachLatencyMs: setting(
    'WAVEHALL_CUTOVER_BREACH_LATENCY_MS',
    limit,
    1000,
    'p99 latency of canary events, in milliseconds, that is reported as a breach, without a rollback; 0: never a breach.',
  ),
  breachLoopMs: setting(
    'WAVEHALL_CUTOVER_BREACH_LOOP_MS',
    limit,
    500,
    'p99 event loop delay, in milliseconds, that is reported as a breach, without a rollback; 0: never a breach.',
  ),
  canarySeconds: setting(
    'WAVEHALL_CUTOVER_CANARY_SECONDS',
    limit,
    1,
    'Seconds between canary events; 0: no canary.',
  ),
  canaryTimeoutMs: setting(
    'WAVEHALL_CUTOVER_CANARY_TIMEOUT_MS',
    integer(100),
    3000,
    'Milliseconds after which a canary event counts as lost.',
  ),
} as const;

export const watchLimits = (values: Values<typeof HEALTH_SETTINGS>): WatchLimits => ({
  windowMs: values.watchWindowSeconds * 1000,
  samples: values.breachSamples,
  connectShare: values.breachConnectShare,
  subscribeShare: values.breachSubscribeShare,
  apiShare: values.breachApiShare,
  lostShare: values.breachLostShare,
  latencyMs: values.breachLatencyMs,
  loopMs: values.breachLoopMs,
  breachMs: values.breachSeconds * 1000,
  goodMs: values.goodSeconds * 1000,
  canaryEveryMs: values.canarySeconds * 1000,
  canaryTimeoutMs: values.canaryTimeoutMs,
});
