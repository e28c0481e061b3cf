import { StreamAlignment } from './stream-alignment.ts';
import type { ServerFrame } from '../frame.ts';

/** What a hand-over deps of a connection. The pong is told before any later frame is heard. */
export interface Pingable {
  ping(pong: (isAlive: boolean) => void): void;
}

interface HandOverDeps {
  readonly from: Pingable;
  readonly to: Pingable;
  /** Called with each frame of the channel exactly once, in their order. */
  deliver(frame: ServerFrame): void;
}

/** `unsure`: after all rounds several places were left; `lost`: a connection ended, and `from` is still the one that counts. */
export type HandOverResult = 'done' | 'unsure' | 'lost';

/**
 * SPEC 11.10: `to` goes on hearing a channel where `from` ends; nothing is lost and nothing is told twice. Until it is
 * known where `to` stands, `from` is heard as ever, so nothing waits. The time that it takes is bounded by the rounds and by
 * the connections' own patience with pongs.
 */
export class HandOver {
  readonly #deps: HandOverDeps;
  #alignment = new StreamAlignment();
  #isFromCompared = false;
  #isToCompared = false;
  #isOver = false;
  /** What `to` heard while it was compared. */
  #receivedByTo: ServerFrame[] = [];
  /** Frames that `to` is still to hear and that were told already. */
  #toSkip = 0;

  constructor(deps: HandOverDeps) {
    this.#deps = deps;
  }

  async run(rounds: number): Promise<HandOverResult> {
    const { from, to } = this.#deps;
    // What `to` itself has said is heard by `from` alone: it must be through.
    if (!(await pinged(to, () => undefined))) return 'lost';
    if (!(await pinged(from, () => this.#begin()))) return 'lost';
    for (let round = 1; !this.#isOver; round += 1) {
      if (!(await pinged(to, () => this.#toAnswered()))) return 'lost';
      if (!(await pinged(from, () => this.#fromAnswered(round >= rounds)))) return 'lost';
    }
    // With this answer it has heard all that was told; lost or not, it is the one that counts.
    await pinged(to, () => undefined);
    return this.#alignment.isSure ? 'done' : 'unsure';
  }

  receivedFrom(frame: ServerFrame): void {
    if (this.#isOver) return;
    if (this.#isFromCompared) this.#alignment.firstReceived(frame.text);
    this.#deps.deliver(frame);
  }

  receivedTo(frame: ServerFrame): void {
    if (this.#isOver) this.#goOn(frame);
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

  #toAnswered(): void {
    this.#isToCompared = true;
    this.#alignment.secondPonged();
  }

  #fromAnswered(isLast: boolean): void {
    this.#alignment.firstPonged();
    if (this.#alignment.isSure || isLast) this.#takeOver(this.#alignment.lag);
    else if (this.#alignment.isBroken) this.#begin();
  }

  /** In the moment of an answer, before anything else is heard. */
  #takeOver(lag: number): void {
    this.#isOver = true;
    this.#toSkip = Math.max(0, lag);
    const news = lag < 0 ? this.#receivedByTo.slice(lag) : [];
    this.#receivedByTo = [];
    for (const frame of news) this.#deps.deliver(frame);
  }

  #goOn(frame: ServerFrame): void {
    if (this.#toSkip > 0) this.#toSkip -= 1;
    else this.#deps.deliver(frame);
  }
}

/** `then` is called in the moment of the answer. False: the connection is lost. */
const pinged = (line: Pingable, then: () => void): Promise<boolean> =>
  new Promise((resolve) =>
    line.ping((isAlive) => {
      if (isAlive) then();
      resolve(isAlive);
    }),
  );
