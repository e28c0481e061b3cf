import type { Clock } from '../../core/ports/clock.ts';
import type { SharedState } from '../../core/ports/stores.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { Percentage, PercentageState } from '../ports/percentage.ts';

const NAME = 'cutover';
/** A key of its own, so that marking a percentage as good never overwrites a newer percentage. */
const GOOD_NAME = 'cutover-good';

/** Greater numbers are refused as invalid: they could not be incremented any more. */
const MOST_CHANGES = 2 ** 52;

/** The shared state. Later states have greater numbers, so an old one never replaces a new one. */
interface NumberedState extends Omit<PercentageState, 'lastGood'> {
  readonly number: number;
}

type PercentageListener = (percent: number, move: boolean) => void;

/** A share of the browsers, as fine as the split is (SPEC 11.4). */
export const isPercentage = (value: unknown): value is number =>
  typeof value === 'number' && value >= 0 && value <= 100 && Number(value.toFixed(2)) === value;

/**
 * The share of the browsers that are Wavehall's (SPEC 11.4): this node's own copy, brought together with the shared one by `tick`.
 * A change counts here at once. While the shared state cannot be reached, nothing is lost: the next `tick` tries again.
 */
export class SharedPercentage implements Percentage {
  readonly #shared: SharedState;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #listeners: PercentageListener[] = [];
  #state: NumberedState;
  #lastGood = 0;
  #isUnshared = false;
  #lastTick: Promise<void> = Promise.resolve();

  constructor(deps: { shared: SharedState; clock: Clock; logger: Logger; first: number }) {
    this.#shared = deps.shared;
    this.#clock = deps.clock;
    this.#logger = deps.logger;
    this.#state = {
      percent: deps.first,
      changedAtMs: deps.clock(),
      changedBy: 'WAVEHALL_CUTOVER_PERCENT',
      move: false,
      number: 0,
    };
  }

  get state(): PercentageState {
    const { percent, changedAtMs, changedBy, move } = this.#state;
    return { percent, lastGood: this.#lastGood, changedAtMs, changedBy, move };
  }

  get percent(): number {
    return this.#state.percent;
  }

  get lastGood(): number {
    return this.#lastGood;
  }

  get isShared(): boolean {
    return !this.#isUnshared;
  }

  set(percent: number, by: string, move = false): Promise<void> {
    if (!isPercentage(percent))
      throw new RangeError(
        `percent ${String(percent)}: expected a number from 0 to 100 with at most two decimals`,
      );
    this.#adopt({
      percent,
      move,
      changedBy: by,
      changedAtMs: this.#clock(),
      number: this.#state.number + 1,
    });
    this.#isUnshared = true;
    return this.tick();
  }

  /** A failure to share it is ignored: the older one is still good. */
  async markGood(percent: number): Promise<void> {
    if (percent === this.#lastGood) return;
    this.#lastGood = percent;
    await this.#shared.write(GOOD_NAME, { percent }).catch(() => undefined);
  }

  onChange(listener: PercentageListener): void {
    this.#listeners.push(listener);
  }

  /** Called once a second: shares a change that is not shared yet, else reads those of other nodes. Never rejects. */
  tick(): Promise<void> {
    return (this.#lastTick = this.#lastTick.then(() => (this.#isUnshared ? this.#write() : this.#read())));
  }

  async #write(): Promise<void> {
    const state = this.#state;
    try {
      await this.#shared.write(NAME, state);
      if (this.#state === state) this.#isUnshared = false;
    } catch (error) {
      this.#logger.warn(
        'The percentage of the cutover could not be saved: other nodes and the next start do not have it yet. Check Redis or WAVEHALL_CUTOVER_STATE_FILE',
        {
          percent: state.percent,
          reason: (error as Error).message,
        },
      );
    }
  }

  async #read(): Promise<void> {
    const before = this.#state;
    try {
      const [found, good] = await Promise.all([this.#shared.read(NAME), this.#shared.read(GOOD_NAME)]);
      this.#lastGood = percentIn(good) ?? this.#lastGood;
      // A change made here meanwhile is newer than the read.
      if (this.#state === before) this.#merge(stateIn(found));
    } catch {
      // The shared state cannot be reached: this node's own copy counts.
    }
  }

  #merge(found: NumberedState | undefined): void {
    if (found !== undefined && found.number >= this.#state.number) this.#adopt(found);
    else this.#isUnshared = this.#state.number > 0;
  }

  #adopt(next: NumberedState): void {
    const { percent, changedAtMs } = this.#state;
    this.#state = next;
    if (next.percent === percent && next.changedAtMs === changedAtMs) return;
    for (const listener of this.#listeners) listener(next.percent, next.move);
  }
}

function percentIn(value: unknown): number | undefined {
  const percent = (value as { percent?: unknown } | null | undefined)?.percent;
  return isPercentage(percent) ? percent : undefined;
}

/** Validates strictly, because other programs may write there. */
function stateIn(value: unknown): NumberedState | undefined {
  const percent = percentIn(value);
  if (percent === undefined) return undefined;
  const { changedAtMs, changedBy, move, number } = value as Partial<Record<keyof NumberedState, unknown>>;
  if (typeof number !== 'number' || !(Number.isSafeInteger(number) && number < MOST_CHANGES))
    return undefined;
  return {
    percent,
    number,
    changedAtMs: typeof changedAtMs === 'number' ? changedAtMs : 0,
    changedBy: typeof changedBy === 'string' ? changedBy.slice(0, 100) : 'unknown',
    move: move === true,
  };
}
