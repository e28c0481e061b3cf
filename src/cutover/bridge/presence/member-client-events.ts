import type { Mutex } from '../../../core/util/mutex.ts';
import { within } from '../../../core/util/time.ts';
import { sendThen } from '../connection/subscription.ts';
import type { BridgeLimits } from '../limits.ts';
import type { MemberSlot } from './member-slot.ts';

interface MemberClientEventsDeps {
  /** By the member's id. */
  readonly slots: ReadonlyMap<string, MemberSlot>;
  readonly listener: { readonly slot: MemberSlot | undefined };
  /** Keeps client events and hand-overs apart. */
  readonly lock: Mutex;
  readonly limits: BridgeLimits;
  readonly isDisconnected: () => boolean;
}

/** Announces an echo; resolves with what is called when the upstream has handled the event. */
export type AnnounceEcho = (comesBackHere: boolean) => Promise<() => void>;

/** SPEC 11.9: sends client events on a presence channel, each over the connection of its sender. */
export class MemberClientEvents {
  readonly #deps: MemberClientEventsDeps;
  #waiting = 0;

  constructor(deps: MemberClientEventsDeps) {
    this.#deps = deps;
  }

  /** False when it could not be sent. */
  async send(user: string | undefined, text: string, announce: AnnounceEcho): Promise<boolean> {
    const { slots, listener, lock, limits, isDisconnected } = this.#deps;
    if (this.#waiting >= limits.pendingClientEvents) return false;
    this.#waiting += 1;
    const slot = slots.get(user ?? '');
    // A member that has just joined may send before the upstream has confirmed its subscription.
    if (slot?.isConfirmed === false && !isDisconnected())
      await within(slot.untilConfirmed(), limits.subscribeWaitMs);
    const isSent = await lock.run(async () => {
      if (slot?.isConfirmed !== true) return false;
      const done = await announce(listener.slot !== undefined && listener.slot !== slot);
      return sendThen(slot.link, text, done);
    });
    this.#waiting -= 1;
    return isSent;
  }
}
