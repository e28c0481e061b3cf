import type { Mutex } from '../../../core/util/mutex.ts';
import { within } from '../../../core/util/time.ts';
import type { MemberSlot } from './member-connection.ts';
import type { BridgeLimits } from '../limits.ts';
import type { Listener } from './listener.ts';
import { sendThen } from '../connection/subscription.ts';

interface MemberClientEventsDeps {
  readonly slots: ReadonlyMap<string, MemberSlot>;
  readonly listener: Listener;
  /** Nobody speaks while one connection hands over to another. */
  readonly lock: Mutex;
  readonly limits: BridgeLimits;
  readonly isDisconnected: () => boolean;
}

/** SPEC 11.9: what members say on a presence channel, each over their own connection. */
export class MemberClientEvents {
  readonly #deps: MemberClientEventsDeps;
  #waiting = 0;

  constructor(deps: MemberClientEventsDeps) {
    this.#deps = deps;
  }

  /**
   * `announce` is given whether the whisper comes back to this node, and resolves with what is called when the other side
   * has dealt with it. False: it could not be sent.
   */
  async send(
    user: string | undefined,
    text: string,
    announce: (isHeardHere: boolean) => Promise<() => void>,
  ): Promise<boolean> {
    const { slots, listener, lock: gate, limits, isDisconnected } = this.#deps;
    if (this.#waiting >= limits.pendingClientEvents) return false;
    this.#waiting += 1;
    const slot = slots.get(user ?? '');
    // Who has just come may say something before the other side knows him.
    if (slot?.isConfirmed === false && !isDisconnected())
      await within(slot.untilConfirmed(), limits.subscribeWaitMs);
    const isSent = await gate.run(async () => {
      if (slot?.isConfirmed !== true) return false;
      const done = await announce(listener.slot !== undefined && listener.slot !== slot);
      return sendThen(slot.link, text, done);
    });
    this.#waiting -= 1;
    return isSent;
  }
}
