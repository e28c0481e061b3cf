import type { Clock } from '../core/ports.ts';
import type { BreachLimits } from './limits.ts';
import type { HealthSink, Side } from './ports.ts';
import { type Figures, SlidingWindow } from './window.ts';

/** A breach is over when nothing bad was added for so long, although the window still remembers it. */
const FRESH_MS = 5000;

/** What is measured of each side. `arrivals`: canary events that were published at the other one. */
const MEASURES = ['connects', 'subscribes', 'api', 'delivery', 'arrivals', 'loop'] as const;
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
  /** False: it is told, but fewer people on Wavehall would not make it better. */
  readonly movesPeople: boolean;
}

/** One side in the window. */
export interface SideReport {
  readonly connects: Figures;
  readonly subscribes: Figures;
  readonly api: Figures;
  /** Canary events published here and seen here. */
  readonly delivery: Figures;
  /** Canary events published at the other side and seen here. */
  readonly arrivals: Figures;
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
  readonly movesPeople?: false;
}

const OF_BOTH: readonly Check[] = [
  { of: 'connects', measure: 'connects', limit: 'connectShare', says: 'of the connects failed' },
  { of: 'subscribes', measure: 'subscribes', limit: 'subscribeShare', says: 'of the subscriptions failed' },
  { of: 'api', measure: 'api', limit: 'apiShare', says: 'of the API requests failed' },
  { of: 'delivery', measure: 'delivery', limit: 'lostShare', says: 'of the canary events were lost' },
  { of: 'latency', measure: 'delivery', limit: 'latencyMs', says: 'was the p99 of the canary events' },
];

/** The bridge is ours. An event that cannot cross to the other server is not saved by moving people there. */
const OF_WAVEHALL: readonly Check[] = [
  ...OF_BOTH,
  { of: 'event-loop', measure: 'loop', limit: 'loopMs', says: 'was the p99 of the event loop’s delay' },
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
    movesPeople: false,
  },
];

/** Measures both sides all the time, each by itself (SPEC 11.14). */
export class Health implements HealthSink {
  readonly #limits: BreachLimits;
  readonly #clock: Clock;
  readonly #windows: Readonly<Record<Side, Readonly<Record<Measure, SlidingWindow>>>>;

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
      const { connects, subscribes, api, delivery, arrivals, loop } = this.#windows[side];
      return {
        connects: connects.figures(),
        subscribes: subscribes.figures(),
        api: api.figures(),
        delivery: delivery.figures(),
        arrivals: arrivals.figures(),
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
    return { of: check.of, value, limit, text, movesPeople: check.movesPeople ?? true };
  }
}

const inPercent = (share: number): string => `${Number((share * 100).toFixed(1))} %`;
const inMs = (ms: number): string => `${Math.round(ms)} ms`;
