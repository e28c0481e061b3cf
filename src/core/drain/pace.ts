/** Time between two groups of closes. */
export const STEP_MS = 100;
/** Least number of connections that are closed at once, so that a small server drains quickly; not while it is slowed. */
const LEAST_PER_STEP = 50;

export interface PaceOptions {
  /** Time over which the closes are spread; 0: all at once. */
  readonly windowMs: number;
  /** Time within which all are closed although they are slowed. Below `windowMs`: nothing is slowed. */
  readonly mostMs: number;
}

/** Decides how many connections each step of a drain closes (SPEC 2.13). */
export class Pace {
  readonly #perStep: number;
  readonly #mostMs: number;
  /** Part of a connection that earlier steps left over. */
  #fraction = 0;

  constructor(connections: number, { windowMs, mostMs }: PaceOptions) {
    this.#perStep = Math.max(LEAST_PER_STEP, (connections * STEP_MS) / Math.max(windowMs, STEP_MS));
    this.#mostMs = windowMs === 0 ? 0 : Math.max(windowMs, mostMs);
  }

  /** Connections to close now, of `left`, `elapsedMs` after the first step. */
  next(left: number, elapsedMs: number, isSlowed: boolean): number {
    const toEndInTime = (left * STEP_MS) / Math.max(STEP_MS, this.#mostMs - elapsedMs);
    this.#fraction += isSlowed ? toEndInTime : Math.max(this.#perStep, toEndInTime);
    const whole = Math.floor(this.#fraction);
    this.#fraction -= whole;
    return Math.min(left, whole);
  }
}
