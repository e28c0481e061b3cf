import type { Clock } from '../../core/ports/clock.ts';
import type { SharedState } from '../../core/ports/cluster.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { Percentage, PercentageState } from '../ports.ts';

const NAME = 'cutover';
/** Apart, so that whoever finds a percentage good never writes an older percentage over a newer one. */
const GOOD_NAME = 'cutover-good';

/** Beyond it numbers could not be added to for ever; a garbage one is not adopted. */
const MOST_CHANGES = 2 ** 52;

/** What is shared: later states have greater numbers, so an old one is never taken for news. */
interface Numbered extends Omit<PercentageState, 'lastGood'> {
  readonly number: number;
}

type Listener = (percent: number, move: boolean) => void;

/** A share of the browsers, as fine as the split is (SPEC 11.4). */
export const isPercentage = (value: unknown): value is number =>
  typeof value === 'number' && value >= 0 && value <= 100 && Number(value.toFixed(2)) === value;

/**
 * The share of the browsers that are Wavehall's (SPEC 11.4): this node's own copy, brought together with the shared one by `tick`.
 * A change counts here at once. While what is shared is out of reach nothing is lost: the next `tick` tries again.
 */
export class SharedPercentage implements Percentage {
  readonly #shared: SharedState;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #listeners: Listener[] = [];
  #state: Numbered;
  #lastGood = 0;
  #unwritten = false;
  #busy: Promise<void> = Promise.resolve();

  constructor(needs: { shared: SharedState; clock: Clock; logger: Logger; first: number }) {
    this.#shared = needs.shared;
    this.#clock = needs.clock;
    this.#logger = needs.logger;
    this.#state = {
      percent: needs.first,
      changedAtMs: needs.clock(),
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
    return !this.#unwritten;
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
    this.#unwritten = true;
    return this.tick();
  }

  /** One that cannot be shared is forgotten: an older one is as good. */
  async markGood(percent: number): Promise<void> {
    if (percent === this.#lastGood) return;
    this.#lastGood = percent;
    await this.#shared.write(GOOD_NAME, { percent }).catch(() => undefined);
  }

  onChange(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /** Once a second: tells what could not be told yet, else hears what others said. Never rejects. */
  tick(): Promise<void> {
    return (this.#busy = this.#busy.then(() => (this.#unwritten ? this.#write() : this.#read())));
  }

  async #write(): Promise<void> {
    const state = this.#state;
    try {
      await this.#shared.write(NAME, state);
      if (this.#state === state) this.#unwritten = false;
    } catch (error) {
      this.#logger.warn(
        'The percentage of the cutover is not shared yet: WAVEHALL_CUTOVER_STATE_FILE or Redis',
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
      // What was set here meanwhile is newer than what was asked for before.
      if (this.#state === before) this.#heard(stateIn(found));
    } catch {
      // Out of reach: this node's own copy counts.
    }
  }

  #heard(found: Numbered | undefined): void {
    if (found !== undefined && found.number >= this.#state.number) this.#adopt(found);
    else this.#unwritten = this.#state.number > 0;
  }

  #adopt(next: Numbered): void {
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

/** Strict, because other programs may write there. */
function stateIn(value: unknown): Numbered | undefined {
  const percent = percentIn(value);
  if (percent === undefined) return undefined;
  const { changedAtMs, changedBy, move, number } = value as Partial<Record<keyof Numbered, unknown>>;
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
