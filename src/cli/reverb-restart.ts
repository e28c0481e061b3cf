import type { Config } from '../config/index.ts';
import type { Logger } from '../core/ports/logger.ts';
import { within } from '../core/util/time.ts';
import { openLaravelCache } from '../stores/laravel-cache/index.ts';
import type { CachedValue } from '../stores/laravel-cache/options.ts';

/** As often as Reverb looks. */
const LOOK_EVERY_MS = 5000;
const ANSWER_MS = 4000;

/** Looks for the mark of `php artisan reverb:restart` from now on, if that is configured. `restart`: false when it cannot begin now. */
export async function watchReverbRestart(
  { restartMark }: Config,
  logger: Logger,
  restart: () => boolean,
): Promise<void> {
  if (restartMark === undefined) return;
  const watch = new ReverbRestart(await openLaravelCache(restartMark), logger, restart);
  await watch.look();
  setInterval(() => void watch.look(), LOOK_EVERY_MS).unref();
}

/** Calls `restart` once for each new mark; those that were there at the first look were for an earlier process. */
export class ReverbRestart {
  readonly #mark: CachedValue;
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #restart: () => boolean;
  #hasLooked = false;
  #isLooking = false;
  /** The newest mark. A cache that was cleared has none, which is no reason to restart. */
  #latest: string | undefined;
  #isAway = false;

  constructor(mark: CachedValue, logger: Pick<Logger, 'warn'>, restart: () => boolean) {
    this.#mark = mark;
    this.#logger = logger;
    this.#restart = restart;
  }

  /** Never rejects. */
  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      this.#compare(await within(this.#mark.read(), ANSWER_MS, noAnswer));
      this.#isAway = false;
    } catch (error) {
      this.#reportAway(error as Error);
    }
    this.#isLooking = false;
  }

  #compare(mark: string | undefined): void {
    const isNew = this.#hasLooked && mark !== undefined && mark !== this.#latest;
    this.#hasLooked = true;
    // A restart that cannot begin now is tried at the next look.
    if (isNew && !this.#restart()) return;
    this.#latest = mark ?? this.#latest;
  }

  /** Logged once, until the cache can be read again. */
  #reportAway({ message }: Error): void {
    if (this.#isAway) return;
    this.#isAway = true;
    this.#logger.warn(
      "Laravel's cache cannot be read: php artisan reverb:restart has no effect until it can. See WAVEHALL_RESTART_ON_REVERB",
      { reason: message },
    );
  }
}

function noAnswer(): never {
  throw new Error(`no answer in ${ANSWER_MS / 1000} s`);
}
