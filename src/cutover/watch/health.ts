import type { Clock } from '../../core/ports/clock.ts';
import type { BreachLimits } from '../watch-limits.ts';
import type { Fault, HealthSink } from '../ports/health-sink.ts';
import type { Side } from '../sides.ts';
import { type WindowSummary, SlidingWindow } from './sliding-window.ts';

/** A breach is over when no failure was added for so long, although the window still has the old ones. */
const FRESH_MS = 5000;

/** Faults within this time count once: clients decide how often they meet a fault. */
const FAULT_MS = 1000;

/**
 * Measures of each side. `arrivals`: canary events that the bridge carried here. `clients`: results of clients'
 * connects, which are shown and never judged.
 */
const MEASURES = ['connects', 'subscribes', 'api', 'delivery', 'arrivals', 'loop', 'clients'] as const;
type Measure = (typeof MEASURES)[number];

export type BreachOf =
  'connects' | 'subscribes' | 'api' | 'delivery' | 'latency' | 'event-loop' | 'from-upstream' | 'to-upstream';

/** A limit that is exceeded at this moment. */
export interface Breach {
  readonly of: BreachOf;
  /** A share from 0 to 1, or milliseconds. */
  readonly value: number;
  readonly limit: number;
  /** The breach in words. */
  readonly text: string;
  /** False: the breach is reported only. */
  readonly causesRollback: boolean;
  /** Why the breach causes no rollback. */
  readonly noRollbackReason?: string;
}

/** One side in the window. */
export interface SideReport {
  /** Connects and subscriptions of the canary, and this server's own faults at clients. */
  readonly connects: WindowSummary;
  readonly subscribes: WindowSummary;
  /** Requests with a valid signature. */
  readonly api: WindowSummary;
  /** Canary events published here that arrived here. */
  readonly delivery: WindowSummary;
  /** Canary events that were published on one side and arrived on this one over the bridge. */
  readonly arrivals: WindowSummary;
  /** Connects of clients: answered, or unanswered by a fault of the server. Never judged. */
  readonly clients: WindowSummary;
  /** p99 of the event-loop delay; `null` for the upstream. */
  readonly loopMs: number | null;
  readonly breaches: readonly Breach[];
}

interface Check {
  readonly of: BreachOf;
  readonly measure: Measure;
  /** Side at which it is measured, when that is not the side that is judged. */
  readonly at?: Side;
  readonly limit: 'connectShare' | 'subscribeShare' | 'apiShare' | 'lostShare' | 'latencyMs' | 'loopMs';
  readonly text: (value: string) => string;
  /** Why a breach of it causes no rollback. */
  readonly noRollbackReason?: string;
}

const ROLLBACK_DOES_NOT_HELP = 'a rollback would not help';
/** Anyone who sends enough can cause delay; an event that is delayed beyond the canary's timeout counts as lost. */
const CAUSED_BY_LOAD =
  'clients can cause this by load, so the percentage stays: check the load of this server';

const CHECKS_OF_BOTH: readonly Check[] = [
  {
    of: 'connects',
    measure: 'connects',
    limit: 'connectShare',
    text: (value) => `${value} of the connects failed`,
  },
  {
    of: 'subscribes',
    measure: 'subscribes',
    limit: 'subscribeShare',
    text: (value) => `${value} of the subscriptions failed`,
  },
  { of: 'api', measure: 'api', limit: 'apiShare', text: (value) => `${value} of the API requests failed` },
  {
    of: 'delivery',
    measure: 'delivery',
    limit: 'lostShare',
    text: (value) => `${value} of the canary events were lost`,
  },
  {
    of: 'latency',
    measure: 'delivery',
    limit: 'latencyMs',
    text: (value) => `the p99 delay of the canary events was ${value}`,
    noRollbackReason: CAUSED_BY_LOAD,
  },
];

/** The bridge belongs to Wavehall. A rollback does not help an event that cannot cross to the upstream. */
const CHECKS_OF_WAVEHALL: readonly Check[] = [
  ...CHECKS_OF_BOTH,
  {
    of: 'event-loop',
    measure: 'loop',
    limit: 'loopMs',
    text: (value) => `the p99 event loop delay was ${value}`,
    noRollbackReason: CAUSED_BY_LOAD,
  },
  {
    of: 'from-upstream',
    measure: 'arrivals',
    limit: 'lostShare',
    text: (value) => `${value} of the canary events from the upstream did not arrive here`,
  },
  {
    of: 'to-upstream',
    measure: 'arrivals',
    at: 'upstream',
    limit: 'lostShare',
    text: (value) => `${value} of the canary events from here did not arrive at the upstream`,
    noRollbackReason: ROLLBACK_DOES_NOT_HELP,
  },
];

/** Measures both sides, each by itself (SPEC 11.14). */
export class Health implements HealthSink {
  readonly #limits: BreachLimits;
  readonly #clock: Clock;
  readonly #windows: Readonly<Record<Side, Readonly<Record<Measure, SlidingWindow>>>>;
  readonly #faultAtMs: Record<Fault, number> = { connects: -Infinity, subscribes: -Infinity };

  constructor(limits: BreachLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    const windows = () =>
      Object.fromEntries(
        MEASURES.map((each) => [each, new SlidingWindow(limits.windowMs, clock)]),
      ) as unknown as Record<Measure, SlidingWindow>;
    this.#windows = { wavehall: windows(), upstream: windows() };
  }

  connect(side: Side, ok: boolean, ms: number): void {
    this.#windows[side].connects.record(ok, ok ? ms : undefined);
  }

  subscribe(side: Side, ok: boolean): void {
    this.#windows[side].subscribes.record(ok);
  }

  api(side: Side, ok: boolean): void {
    this.#windows[side].api.record(ok);
  }

  /** Records a canary event. The caller leaves out crossings that failed by the fault of a server. */
  canary(from: Side, to: Side, ok: boolean, ms: number): void {
    this.#windows[to][from === to ? 'delivery' : 'arrivals'].record(ok, ok ? ms : undefined);
  }

  /** Records one failure for a second in which there is a fault, however many there are. */
  fault(of: Fault): void {
    const nowMs = this.#clock();
    if (Math.abs(nowMs - this.#faultAtMs[of]) < FAULT_MS) return;
    this.#faultAtMs[of] = nowMs;
    this.#windows.wavehall[of].record(false);
  }

  client(side: Side, ok: boolean, ms: number): void {
    this.#windows[side].clients.record(ok, ok ? ms : undefined);
  }

  /** Records the event-loop delay of the last second. */
  loop(delayMs: number): void {
    this.#windows.wavehall.loop.record(true, delayMs);
  }

  /** Limits that the side exceeds, counting what happened since `sinceMs`. */
  judge(side: Side, sinceMs = 0): readonly Breach[] {
    const checks = side === 'wavehall' ? CHECKS_OF_WAVEHALL : CHECKS_OF_BOTH;
    return checks.flatMap((check) => this.#judge(check, this.#windows[check.at ?? side], sinceMs) ?? []);
  }

  report(): Record<Side, SideReport> {
    const of = (side: Side): SideReport => {
      const { connects, subscribes, api, delivery, arrivals, clients, loop } = this.#windows[side];
      return {
        connects: connects.summary(),
        subscribes: subscribes.summary(),
        api: api.summary(),
        delivery: delivery.summary(),
        arrivals: arrivals.summary(),
        clients: clients.summary(),
        loopMs: loop.summary().p99Ms,
        breaches: this.judge(side),
      };
    };
    return { wavehall: of('wavehall'), upstream: of('upstream') };
  }

  #judge(
    check: Check,
    windows: Readonly<Record<Measure, SlidingWindow>>,
    sinceMs: number,
  ): Breach | undefined {
    const limit = this.#limits[check.limit];
    const window = windows[check.measure];
    const { good, bad, p99Ms } = window.summary(sinceMs);
    if (limit <= 0 || good + bad < this.#limits.samples) return undefined;
    const isShare = check.limit.endsWith('Share');
    const value = isShare ? bad / (good + bad) : (p99Ms ?? 0);
    const lastMs = isShare ? window.lastBadMs(sinceMs) : window.lastSlowerMs(limit, sinceMs);
    if (value <= limit || lastMs === undefined || this.#clock() - lastMs > FRESH_MS) return undefined;
    const show = isShare ? inPercent : roundedMs;
    const text = `${check.text(show(value))} (limit ${show(limit)})`;
    const { of, noRollbackReason } = check;
    return {
      of,
      value,
      limit,
      text,
      causesRollback: noRollbackReason === undefined,
      ...(noRollbackReason !== undefined && { noRollbackReason }),
    };
  }
}

const inPercent = (share: number): string => `${Number((share * 100).toFixed(1))} %`;
const roundedMs = (ms: number): string => `${Math.round(ms)} ms`;
