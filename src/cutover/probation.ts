import type { Clock } from '../core/ports.ts';
import type { HealthSink, Side } from './ports.ts';

/** Whoever is refused within this time was not connected. */
const PROBATION_MS = 1000;

/** A socket that was opened a moment ago. */
export interface Newcomer {
  readonly side: Side;
  readonly openedAtMs: number;
  readonly tookMs: number;
  failed: boolean;
}

/** Tells health of each connect once: when it failed, or when it has lasted (SPEC 11.14). */
export class Probation {
  readonly #health: HealthSink;
  readonly #clock: Clock;
  /** In the order in which they were opened. */
  #newcomers: Newcomer[] = [];

  constructor(health: HealthSink, clock: Clock) {
    this.#health = health;
    this.#clock = clock;
  }

  opened(side: Side, sinceMs: number): Newcomer {
    const openedAtMs = this.#clock();
    const newcomer = { side, openedAtMs, tookMs: openedAtMs - sinceMs, failed: false };
    this.#newcomers.push(newcomer);
    return newcomer;
  }

  /** The server ended it; after the probation that says nothing about connecting any more. */
  ended(newcomer: Newcomer): void {
    if (this.#clock() - newcomer.openedAtMs < PROBATION_MS) newcomer.failed = true;
  }

  failed(side: Side, sinceMs: number): void {
    this.#health.connect(side, false, this.#clock() - sinceMs);
  }

  tick(): void {
    const nowMs = this.#clock();
    const lasted = this.#newcomers.findIndex(({ openedAtMs }) => nowMs - openedAtMs < PROBATION_MS);
    const judged = this.#newcomers.splice(0, lasted === -1 ? this.#newcomers.length : lasted);
    for (const { side, failed, tookMs } of judged) this.#health.connect(side, !failed, tookMs);
  }
}
