import type { Serial } from '../../../core/util/serial.ts';
import { within } from '../../../core/util/time.ts';
import type { MemberSlot } from './member-connection.ts';
import type { BridgeLimits } from '../limits.ts';
import type { Listener } from './listener.ts';
import { say } from '../connection/subscription.ts';

interface Needs {
  readonly seats: ReadonlyMap<string, MemberSlot>;
  readonly listener: Listener;
  /** Nobody speaks while one connection hands over to another. */
  readonly gate: Serial;
  readonly limits: BridgeLimits;
  readonly isAway: () => boolean;
}

/** SPEC 11.9: what members say on a presence channel, each over their own connection. */
export class MemberClientEvents {
  readonly #needs: Needs;
  #waiting = 0;

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  /**
   * `announce` is given whether the whisper comes back to this node, and resolves with what is called when the other side
   * has dealt with it. False: it could not be sent.
   */
  async say(
    user: string | undefined,
    text: string,
    announce: (isHeardHere: boolean) => Promise<() => void>,
  ): Promise<boolean> {
    const { seats, listener, gate, limits, isAway } = this.#needs;
    if (this.#waiting >= limits.waitingWhispers) return false;
    this.#waiting += 1;
    const seat = seats.get(user ?? '');
    // Who has just come may say something before the other side knows him.
    if (seat?.isConfirmed === false && !isAway()) await within(seat.untilConfirmed(), limits.subscribeWaitMs);
    const isSent = await gate.run(async () => {
      if (seat?.isConfirmed !== true) return false;
      const done = await announce(listener.seat !== undefined && listener.seat !== seat);
      return say(seat.link, text, done);
    });
    this.#waiting -= 1;
    return isSent;
  }
}
