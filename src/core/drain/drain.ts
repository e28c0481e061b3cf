import { errors } from '#protocol';
import { sleep } from '../util/time.ts';
import { StepsBeforeClose } from './before-close.ts';
import { Pace, STEP_MS } from './pace.ts';

type DrainReason = typeof errors.closing;

/** A connection, or what stands for one, that can be closed so that its client reconnects. */
export interface Drainable {
  close(reason: DrainReason): void;
}

export interface DrainOptions<T> {
  /** Time over which the closes are spread; 0: all at once. */
  readonly windowMs: number;
  /** Time within which all are closed although they are slowed; not given: nothing is slowed. */
  readonly mostMs?: number;
  /** True for connections that are closed after all others. */
  readonly isLast?: (connection: T) => boolean;
  /** True while the servers to which the clients go are behind: the closes are slower then. */
  readonly isSlowed?: () => boolean;
  /** A step for each connection before it is closed (see `StepsBeforeClose`). `undefined`: none for this one. */
  readonly beforeClose?: ((connection: T) => Promise<void> | undefined) | undefined;
  /** Closes all that are left at once. */
  readonly hurry?: AbortSignal;
}

/** Closes every connection, spread over a time, because clients reconnect at once (SPEC 2.13). */
export class Drain<T extends Drainable> {
  readonly #waiting: T[];
  readonly #options: DrainOptions<T>;
  readonly #pace: Pace;
  readonly #hurry: AbortSignal;
  readonly #steps: StepsBeforeClose;
  /** Connections whose step before the close has not ended. */
  readonly #closing = new Set<Promise<void>>();
  #slowedMs = 0;

  constructor(connections: Iterable<T>, options: DrainOptions<T>) {
    const { windowMs, mostMs = 0, isLast = () => false, hurry = new AbortController().signal } = options;
    this.#waiting = inOrder([...connections], isLast);
    this.#options = options;
    this.#pace = new Pace(this.#waiting.length, { windowMs, mostMs });
    this.#hurry = hurry;
    this.#steps = new StepsBeforeClose(hurry);
  }

  /** Connections that are still to be closed. */
  get left(): number {
    return this.#waiting.length + this.#closing.size;
  }

  /** Time for which the closes were slowed. */
  get slowedMs(): number {
    return this.#slowedMs;
  }

  /** Resolves when all are closed. */
  async run(): Promise<void> {
    const startedMs = performance.now();
    while (this.#waiting.length > 0) {
      const nowMs = performance.now();
      const isSlowed = this.#options.isSlowed?.() ?? false;
      for (const connection of this.#take(nowMs - startedMs, isSlowed)) this.#close(connection);
      if (this.#waiting.length > 0) await sleep(STEP_MS, this.#hurry);
      if (isSlowed) this.#slowedMs += performance.now() - nowMs;
    }
    await Promise.all(this.#closing);
  }

  #take(elapsedMs: number, isSlowed: boolean): T[] {
    const left = this.#waiting.length;
    return this.#waiting.splice(0, this.#hurry.aborted ? left : this.#pace.next(left, elapsedMs, isSlowed));
  }

  /** The next steps of the drain do not wait for the step of this connection. */
  #close(connection: T): void {
    const { beforeClose } = this.#options;
    if (beforeClose === undefined) return connection.close(errors.closing);
    const closed = this.#steps
      .run(async () => beforeClose(connection))
      .then(() => connection.close(errors.closing))
      .finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}

/** A random order, so that no app or address loses all of its connections at once; those that are last come after all others. */
function inOrder<T>(connections: T[], isLast: (connection: T) => boolean): T[] {
  const [first, last]: [T[], T[]] = [[], []];
  for (const each of shuffled(connections)) (isLast(each) ? last : first).push(each);
  return first.concat(last);
}

function shuffled<T>(items: T[]): T[] {
  for (let at = items.length - 1; at > 0; at -= 1) {
    const other = Math.floor(Math.random() * (at + 1));
    [items[at], items[other]] = [items[other] as T, items[at] as T];
  }
  return items;
}
