import type { Clock } from '../../core/ports/clock.ts';
import type { BreachLimits } from '../watch-limits.ts';
import type { Fault, HealthSink, Side } from '../ports.ts';
import { type WindowSummary, SlidingWindow } from './sliding-window.ts';

/** A breach is over when nothing bad was added for so long, although the window still remembers it. */
const FRESH_MS = 5000;

/** Faults of this many milliseconds are judged as one: how often a fault is met is for clients to decide. */
const FAULT_MS = 1000;

/**
 * What is measured of each side. `arrivals`: canary events that were published at the other one. `clients`: what became
 * of clients' connects, which is shown only.
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
  /** The same for a person. */
  readonly text: string;
  /** False: it is told, and the share stays. */
  readonly causesRollback: boolean;
  /** Why the share stays, when it does. */
  readonly noRollbackReason?: string;
}

/** One side in the window. */
export interface SideReport {
  /** Connects and subscriptions of the canary, and this server's own faults at clients. */
  readonly connects: WindowSummary;
  readonly subscribes: WindowSummary;
  /** Requests with a valid signature. */
  readonly api: WindowSummary;
  /** Canary events published here and seen here. */
  readonly delivery: WindowSummary;
  /** Canary events published at the other side and seen here. */
  readonly arrivals: WindowSummary;
  /** Connects of clients that were answered, and those that were not for no fault of theirs. Never judged. */
  readonly clients: WindowSummary;
  /** Slowest hundredth of the turns of the event loop; `null` for the other server. */
  readonly loopMs: number | null;
  readonly breaches: readonly Breach[];
}

interface Check {
  readonly of: BreachOf;
  readonly measure: Measure;
  /** Where it is measured, when that is not the side that answers for it. */
  readonly at?: Side;
  readonly limit: 'connectShare' | 'subscribeShare' | 'apiShare' | 'lostShare' | 'latencyMs' | 'loopMs';
  readonly says: string;
  /** Why a breach of it moves nobody. */
  readonly stays?: string;
}

const NO_HELP = 'a lower share would not help';
/** Delay is a symptom that anybody can cause who sends enough; what is delayed beyond the canary's patience is lost. */
const ANYBODY_CAN = 'whoever sends enough can cause this, so the share stays: see what the load is';

const OF_BOTH: readonly Check[] = [
  { of: 'connects', measure: 'connects', limit: 'connectShare', says: 'of the connects failed' },
  { of: 'subscribes', measure: 'subscribes', limit: 'subscribeShare', says: 'of the subscriptions failed' },
  { of: 'api', measure: 'api', limit: 'apiShare', says: 'of the API requests failed' },
  { of: 'delivery', measure: 'delivery', limit: 'lostShare', says: 'of the canary events were lost' },
  {
    of: 'latency',
    measure: 'delivery',
    limit: 'latencyMs',
    says: 'was the p99 of the canary events',
    stays: ANYBODY_CAN,
  },
];

/** The bridge is ours. An event that cannot cross to the other server is not saved by moving people there. */
const OF_WAVEHALL: readonly Check[] = [
  ...OF_BOTH,
  {
    of: 'event-loop',
    measure: 'loop',
    limit: 'loopMs',
    says: 'was the p99 of the event loop’s delay',
    stays: ANYBODY_CAN,
  },
  {
    of: 'from-upstream',
    measure: 'arrivals',
    limit: 'lostShare',
    says: 'of the canary events from the other server did not arrive here',
  },
  {
    of: 'to-upstream',
    measure: 'arrivals',
    at: 'upstream',
    limit: 'lostShare',
    says: 'of the canary events from here did not arrive at the other server',
    stays: NO_HELP,
  },
];

/** Measures both sides all the time, each by itself (SPEC 11.14). */
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
    this.#windows[side].connects.note(ok, ok ? ms : undefined);
  }

  subscribe(side: Side, ok: boolean): void {
    this.#windows[side].subscribes.note(ok);
  }

  api(side: Side, ok: boolean): void {
    this.#windows[side].api.note(ok);
  }

  /** Across the bridge only what neither server is to blame for counts: the caller leaves out the rest. */
  canary(from: Side, to: Side, ok: boolean, ms: number): void {
    this.#windows[to][from === to ? 'delivery' : 'arrivals'].note(ok, ok ? ms : undefined);
  }

  /** The second that the fault is in is bad: one more of it, or a thousand more, change nothing. */
  fault(of: Fault): void {
    const nowMs = this.#clock();
    if (Math.abs(nowMs - this.#faultAtMs[of]) < FAULT_MS) return;
    this.#faultAtMs[of] = nowMs;
    this.#windows.wavehall[of].note(false);
  }

  client(side: Side, ok: boolean, ms: number): void {
    this.#windows[side].clients.note(ok, ok ? ms : undefined);
  }

  /** How late this process' event loop was in the last second or so. */
  loop(delayMs: number): void {
    this.#windows.wavehall.loop.note(true, delayMs);
  }

  /** Every limit that the side exceeds by what happened since then, and goes on exceeding. */
  judge(side: Side, sinceMs = 0): readonly Breach[] {
    const checks = side === 'wavehall' ? OF_WAVEHALL : OF_BOTH;
    return checks.flatMap((check) => this.#judge(check, this.#windows[check.at ?? side], sinceMs) ?? []);
  }

  report(): Record<Side, SideReport> {
    const of = (side: Side): SideReport => {
      const { connects, subscribes, api, delivery, arrivals, clients, loop } = this.#windows[side];
      return {
        connects: connects.figures(),
        subscribes: subscribes.figures(),
        api: api.figures(),
        delivery: delivery.figures(),
        arrivals: arrivals.figures(),
        clients: clients.figures(),
        loopMs: loop.figures().p99Ms,
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
    const { good, bad, p99Ms } = window.figures(sinceMs);
    if (limit <= 0 || good + bad < this.#limits.samples) return undefined;
    const isShare = check.limit.endsWith('Share');
    const value = isShare ? bad / (good + bad) : (p99Ms ?? 0);
    const lastMs = isShare ? window.lastBadMs(sinceMs) : window.lastSlowerMs(limit, sinceMs);
    if (value <= limit || lastMs === undefined || this.#clock() - lastMs > FRESH_MS) return undefined;
    const show = isShare ? inPercent : inMs;
    const text = `${show(value)} ${check.says} (limit ${show(limit)})`;
    const { of, stays } = check;
    return {
      of,
      value,
      limit,
      text,
      causesRollback: stays === undefined,
      ...(stays !== undefined && { noRollbackReason: stays }),
    };
  }
}

const inPercent = (share: number): string => `${Number((share * 100).toFixed(1))} %`;
const inMs = (ms: number): string => `${Math.round(ms)} ms`;
