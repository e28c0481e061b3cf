import type { Pong } from '../ports/link.ts';
import { StreamAlignment } from './stream-alignment.ts';

/** A connection that takes part in a hand-over. Its pong is called before any later frame is received. */
export interface Pingable {
  ping(pong: Pong): void;
}

interface Comparable {
  readonly text: string;
}

interface HandOverDeps<Frame> {
  readonly from: Pingable;
  readonly to: Pingable;
  /** Called with each frame of the channel exactly once, in order. */
  deliver(frame: Frame): void;
}

/** `unsure`: after all rounds several offsets were possible; `lost`: a connection ended, and `from` is still the listener. */
export type HandOverResult = 'done' | 'unsure' | 'lost';

/**
 * SPEC 11.10: moves listening on a channel from one connection to another; no frame is lost and none is delivered twice.
 * Until the offset between the two is known, frames of `from` are delivered as before, so nothing waits. The rounds and
 * the pong timeout of the connections bound the time that it takes.
 */
export class HandOver<Frame extends Comparable> {
  readonly #deps: HandOverDeps<Frame>;
  #alignment = new StreamAlignment();
  #isFromCompared = false;
  #isToCompared = false;
  #isOver = false;
  /** Frames that `to` received while it was compared. */
  #receivedByTo: Frame[] = [];
  /** Number of frames that `to` is still to receive and `from` has delivered already. */
  #toSkip = 0;

  constructor(deps: HandOverDeps<Frame>) {
    this.#deps = deps;
  }

  async run(rounds: number): Promise<HandOverResult> {
    const { from, to } = this.#deps;
    // Client events that `to` itself sent reach `from` alone: after the first pongs none is in flight any more.
    if (!(await pinged(to, () => undefined))) return 'lost';
    if (!(await pinged(from, () => this.#begin()))) return 'lost';
    for (let round = 1; !this.#isOver; round += 1) {
      if (!(await pinged(to, () => this.#toPonged()))) return 'lost';
      if (!(await pinged(from, () => this.#fromPonged(round >= rounds)))) return 'lost';
    }
    // With this pong `to` has received all that was delivered. Even if it is lost now, it is the listener.
    await pinged(to, () => undefined);
    return this.#alignment.isSure ? 'done' : 'unsure';
  }

  receivedFrom(frame: Frame): void {
    if (this.#isOver) return;
    if (this.#isFromCompared) this.#alignment.firstReceived(frame.text);
    this.#deps.deliver(frame);
  }

  receivedTo(frame: Frame): void {
    if (this.#isOver) this.#deliverNew(frame);
    else if (this.#isToCompared) {
      this.#alignment.secondReceived(frame.text);
      this.#receivedByTo.push(frame);
    }
  }

  #begin(): void {
    this.#alignment = new StreamAlignment();
    this.#isFromCompared = true;
    this.#isToCompared = false;
    this.#receivedByTo = [];
  }

  #toPonged(): void {
    this.#isToCompared = true;
    this.#alignment.secondPonged();
  }

  #fromPonged(isLast: boolean): void {
    this.#alignment.firstPonged();
    if (this.#alignment.isSure || isLast) this.#takeOver(this.#alignment.lag);
    else if (this.#alignment.isBroken) this.#begin();
  }

  /** Called with the pong, before either connection receives another frame. */
  #takeOver(lag: number): void {
    this.#isOver = true;
    this.#toSkip = Math.max(0, lag);
    const ahead = lag < 0 ? this.#receivedByTo.slice(lag) : [];
    this.#receivedByTo = [];
    for (const frame of ahead) this.#deps.deliver(frame);
  }

  #deliverNew(frame: Frame): void {
    if (this.#toSkip > 0) this.#toSkip -= 1;
    else this.#deps.deliver(frame);
  }
}

/** Resolves with false when the connection is lost; `then` is called on the pong itself, not after it. */
const pinged = (connection: Pingable, then: () => void): Promise<boolean> =>
  new Promise((resolve) =>
    connection.ping((isAlive) => {
      if (isAlive) then();
      resolve(isAlive);
    }),
  );
