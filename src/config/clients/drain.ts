import { integer, oneOf, setting } from '../../settings/settings.ts';

/** A day: longer than any supervisor waits, and a timer of Node can hold it. */
const MOST_SECONDS = 86_400;

/** Settings of the shutdown (SPEC 2.13). */
export const DRAIN_SETTINGS = {
  drainDelaySeconds: setting(
    'WAVEHALL_DRAIN_DELAY_SECONDS',
    integer(0, MOST_SECONDS),
    0,
    'Seconds at shutdown in which /ready answers 503 while new clients are still admitted; behind a load balancer, the time that it needs to notice.',
  ),
  drainSeconds: setting(
    'WAVEHALL_DRAIN_SECONDS',
    integer(0, MOST_SECONDS),
    8,
    'Seconds over which the server closes its connections at shutdown, after the delay; 0: all at once.',
  ),
  drainMaxSeconds: setting(
    'WAVEHALL_DRAIN_MAX_SECONDS',
    integer(0, MOST_SECONDS),
    15,
    'Seconds that this may take while other nodes are behind; not more than WAVEHALL_DRAIN_SECONDS: it is never slowed.',
  ),
  drainPresenceSeconds: setting(
    'WAVEHALL_DRAIN_PRESENCE_SECONDS',
    integer(0, MOST_SECONDS),
    3,
    'Seconds that the members of presence channels have to be back on another node when a shutdown closed their connection: then nobody sees them leave. 0: they leave at once.',
  ),
  drainRefusal: setting(
    'WAVEHALL_DRAIN_REFUSAL',
    oneOf('4100', '503'),
    '4100',
    'Answer to new clients while connections are closed: 4100 (they try again after a second), or 503 for a load balancer that then tries another node.',
  ),
};

/** The same times in milliseconds. */
export interface DrainTimes {
  readonly delayMs: number;
  readonly drainMs: number;
  readonly mostMs: number;
  /** Time that a member has to be back. */
  readonly returnMs: number;
}

export const drainTimes = (config: {
  readonly drainDelaySeconds: number;
  readonly drainSeconds: number;
  readonly drainMaxSeconds: number;
  readonly drainPresenceSeconds: number;
}): DrainTimes => ({
  delayMs: config.drainDelaySeconds * 1000,
  drainMs: config.drainSeconds * 1000,
  mostMs: Math.max(config.drainSeconds, config.drainMaxSeconds) * 1000,
  returnMs: config.drainPresenceSeconds * 1000,
});
