import type { AppShare } from './app-share.ts';

/** Writes of all apps before the event loop may serve others: about 6 ms of work. */
export const TURN_WRITES = 1000;

/** Writes of an app of weight 1 before the next app has its turn. */
export const SHARE_WRITES = 128;

/**
 * Longest time for which all apps write in one turn of the event loop, unless one is behind. Beyond `TURN_WRITES` a turn takes as long
 * as the rest of the loop did, up to this: events that come faster than they are written cannot push the writing aside.
 */
export const LONGEST_TURN_MS = 10;

/** The same while an app is behind. Events of other nodes come without end, so that more has to be written than read. */
export const LONGEST_TURN_BEHIND_MS = 100;

interface TurnsDeps<Channel> {
  /** Share of an app beside those of the others, at least 1. */
  readonly weightOf: (app: string) => number;
  /** Writes for a channel until about so many writes are made, and returns how many were. A channel that is not done is added again. */
  readonly serve: (channel: Channel, writes: number) => number;
  /** Milliseconds. */
  readonly now?: (() => number) | undefined;
}

/**
 * Turns of the apps at writing to their sockets: deficit round robin. However much one app has to write, another one waits for no
 * more than one share of each app before it. Within an app, each channel has its turn before one of them has it again.
 *   A (weight 1) and B (weight 2) have more than enough to write:   A 128, B 256, A 128, …
 *   A has more than enough, B one event for 10 sockets:             A 128, B 10, A 128, A 128, …
 */
export class Turns<Channel extends { readonly share: AppShare<Channel> }> {
  readonly #weightOf: (app: string) => number;
  readonly #serve: (channel: Channel, writes: number) => number;
  readonly #now: () => number;
  /** Shares with channels that wait, the next one first. */
  readonly #ring: AppShare<Channel>[] = [];
  #isTurnDue = false;
  /** When the last turn ended, if it left something to write. */
  #leftAtMs: number | undefined;

  constructor({ weightOf, serve, now = () => performance.now() }: TurnsDeps<Channel>) {
    this.#weightOf = weightOf;
    this.#serve = serve;
    this.#now = now;
  }

  /** The channel has its turn once for each time it is added. */
  add(channel: Channel): void {
    const { share } = channel;
    share.add(channel);
    if (!share.isInTurn) this.#line(share);
    if (!this.#isTurnDue) this.#plan();
  }

  #line(share: AppShare<Channel>): void {
    share.isInTurn = true;
    this.#ring.push(share);
  }

  #plan(): void {
    this.#isTurnDue = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    let atMs = this.#now();
    const restMs = atMs - (this.#leftAtMs ?? atMs);
    const untilMs = atMs + Math.min(restMs, LONGEST_TURN_MS);
    const behindUntilMs = atMs + LONGEST_TURN_BEHIND_MS;
    let writes = 0;
    const mayGoOn = (): boolean =>
      writes < TURN_WRITES || atMs < untilMs || (atMs < behindUntilMs && this.#isOneBehind);
    try {
      while (this.#ring.length > 0 && mayGoOn()) {
        const share = this.#ring.shift() as AppShare<Channel>;
        writes += this.#visit(share);
        const sinceMs = atMs;
        atMs = this.#now();
        share.traffic.fanOutMs += atMs - sinceMs;
      }
    } finally {
      this.#isTurnDue = false;
      this.#leftAtMs = this.#ring.length > 0 ? atMs : undefined;
      if (this.#ring.length > 0) this.#plan();
    }
  }

  get #isOneBehind(): boolean {
    return this.#ring.some(({ isBehind }) => isBehind);
  }

  /**
   * Returns the number of writes. An app that wrote more than its share owes the rest; one that had less to write keeps nothing. A share
   * of more writes than a turn of the event loop has is used up over several.
   */
  #visit(share: AppShare<Channel>): number {
    let writes = 0;
    if (share.credit <= 0) share.credit += SHARE_WRITES * this.#weightOf(share.app);
    const most = Math.min(share.credit, TURN_WRITES);
    try {
      while (writes < most) {
        const channel = share.take();
        if (channel === undefined) break;
        writes += this.#serve(channel, most - writes);
      }
    } finally {
      share.credit -= writes;
      this.#visited(share);
    }
    return writes;
  }

  #visited(share: AppShare<Channel>): void {
    if (share.isEmpty) {
      share.credit = Math.min(share.credit, 0);
      share.isInTurn = false;
    } else if (share.credit > 0) this.#ring.unshift(share);
    else this.#line(share);
  }
}
