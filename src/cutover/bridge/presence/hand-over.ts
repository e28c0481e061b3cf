import { StreamAlignment } from './stream-alignment.ts';
import type { RemoteFrame } from '../frame.ts';

/** What a hand-over needs of a connection. The pong is told before any later frame is heard. */
export interface Line {
  ping(pong: (isAlive: boolean) => void): void;
}

interface Needs {
  readonly from: Line;
  readonly to: Line;
  /** Called with each frame of the channel exactly once, in their order. */
  pass(frame: RemoteFrame): void;
}

/** `unsure`: after all rounds several places were left; `lost`: a connection ended, and `from` is still the one that counts. */
export type HandOverResult = 'done' | 'unsure' | 'lost';

/**
 * SPEC 11.10: `to` goes on hearing a channel where `from` ends; nothing is lost and nothing is told twice. Until it is
 * known where `to` stands, `from` is heard as ever, so nothing waits. The time that it takes is bounded by the rounds and by
 * the connections' own patience with pongs.
 */
export class HandOver {
  readonly #needs: Needs;
  #alignment = new StreamAlignment();
  #isFromCompared = false;
  #isToCompared = false;
  #isOver = false;
  /** What `to` heard while it was compared. */
  #kept: RemoteFrame[] = [];
  /** Frames that `to` is still to hear and that were told already. */
  #told = 0;

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  async run(rounds: number): Promise<HandOverResult> {
    const { from, to } = this.#needs;
    // What `to` itself has said is heard by `from` alone: it must be through.
    if (!(await answered(to, () => undefined))) return 'lost';
    if (!(await answered(from, () => this.#begin()))) return 'lost';
    for (let round = 1; !this.#isOver; round += 1) {
      if (!(await answered(to, () => this.#toAnswered()))) return 'lost';
      if (!(await answered(from, () => this.#fromAnswered(round >= rounds)))) return 'lost';
    }
    // With this answer it has heard all that was told; lost or not, it is the one that counts.
    await answered(to, () => undefined);
    return this.#alignment.isSure ? 'done' : 'unsure';
  }

  heardFrom(frame: RemoteFrame): void {
    if (this.#isOver) return;
    if (this.#isFromCompared) this.#alignment.firstHeard(frame.text);
    this.#needs.pass(frame);
  }

  heardTo(frame: RemoteFrame): void {
    if (this.#isOver) this.#goOn(frame);
    else if (this.#isToCompared) {
      this.#alignment.secondHeard(frame.text);
      this.#kept.push(frame);
    }
  }

  #begin(): void {
    this.#alignment = new StreamAlignment();
    this.#isFromCompared = true;
    this.#isToCompared = false;
    this.#kept = [];
  }

  #toAnswered(): void {
    this.#isToCompared = true;
    this.#alignment.secondAnswered();
  }

  #fromAnswered(isLast: boolean): void {
    this.#alignment.firstAnswered();
    if (this.#alignment.isSure || isLast) this.#takeOver(this.#alignment.lag);
    else if (this.#alignment.isBroken) this.#begin();
  }

  /** In the moment of an answer, before anything else is heard. */
  #takeOver(lag: number): void {
    this.#isOver = true;
    this.#told = Math.max(0, lag);
    const news = lag < 0 ? this.#kept.slice(lag) : [];
    this.#kept = [];
    for (const frame of news) this.#needs.pass(frame);
  }

  #goOn(frame: RemoteFrame): void {
    if (this.#told > 0) this.#told -= 1;
    else this.#needs.pass(frame);
  }
}

/** `then` is called in the moment of the answer. False: the connection is lost. */
const answered = (line: Line, then: () => void): Promise<boolean> =>
  new Promise((resolve) =>
    line.ping((isAlive) => {
      if (isAlive) then();
      resolve(isAlive);
    }),
  );
