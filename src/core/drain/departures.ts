import type { Subscription } from '../client/connection.ts';
import type { Logger } from '../ports/logger.ts';

interface DeparturesDeps {
  readonly hub: {
    leaveForNow(subscription: Subscription): Promise<boolean>;
    depart(subscription: Subscription): Promise<void>;
  };
  readonly logger: Logger;
  /** Time that a member has to be back; 0: it leaves at once. */
  readonly returnMs: number;
}

interface Departure {
  readonly subscription: Subscription;
  readonly dueMs: number;
}

/**
 * Members whose sockets the drain of this server closed (SPEC 2.13). In the membership of all nodes they stay for a time, so that
 * those who are back on another node within it cause no news.
 */
export class Departures {
  readonly #deps: DeparturesDeps;
  /** In the order in which they are due. */
  #waiting: Departure[] = [];
  /** Sockets on their way off their channels, and departures on their way to the store. */
  readonly #underWay = new Set<Promise<void>>();
  #state: 'closed' | 'open' | 'ended' = 'closed';
  #timer: NodeJS.Timeout | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(deps: DeparturesDeps) {
    this.#deps = deps;
  }

  /** Members that may still come back. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Called when the drain begins: before, every socket leaves at once. */
  begin(): void {
    if (this.#deps.returnMs > 0) this.#state = 'open';
  }

  /** True for members whose socket the drain closed: theirs is `add` instead of leaving. */
  concern({ connection, member }: Subscription): boolean {
    return this.#state === 'open' && member !== undefined && connection.isDrained;
  }

  /** Takes the subscription off its channel; its member departs later. */
  add(subscription: Subscription): Promise<void> {
    return this.#track(this.#add(subscription));
  }

  /** Resolves when all have departed and that is written. `hurry`: they depart at once. Never rejects. */
  async end(hurry: AbortSignal): Promise<void> {
    const end = (): void => {
      this.#state = 'ended';
      this.#next();
    };
    if (hurry.aborted) end();
    else hurry.addEventListener('abort', end, { once: true });
    await Promise.allSettled(this.#underWay);
    if (this.#waiting.length > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve));
    end();
    await Promise.allSettled(this.#underWay);
  }

  async #add(subscription: Subscription): Promise<void> {
    if (!(await this.#deps.hub.leaveForNow(subscription))) return;
    this.#waiting.push({ subscription, dueMs: performance.now() + this.#deps.returnMs });
    this.#next();
  }

  /** Begins the departures that are due, and waits for the next one. */
  #next(): void {
    clearTimeout(this.#timer);
    const nowMs = this.#state === 'ended' ? Infinity : performance.now();
    const later = this.#waiting.findIndex(({ dueMs }) => dueMs > nowMs);
    const due = this.#waiting.splice(0, later === -1 ? this.#waiting.length : later);
    for (const { subscription } of due) void this.#track(this.#depart(subscription));
    const [first] = this.#waiting;
    if (first === undefined) this.#onEmpty?.();
    else this.#timer = setTimeout(() => this.#next(), Math.max(1, Math.ceil(first.dueMs - nowMs)));
  }

  async #depart(subscription: Subscription): Promise<void> {
    const { hub, logger } = this.#deps;
    try {
      await hub.depart(subscription);
    } catch (error) {
      logger.error('Bug in Wavehall: a member did not leave. Please report this stack', error);
    }
  }

  #track(task: Promise<void>): Promise<void> {
    const tracked = task.finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
    return tracked;
  }
}
