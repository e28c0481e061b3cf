import type { RemoteFrame } from './frame.ts';
import { longestOverlap, overlap } from './overlap.ts';

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

/** `unsure`: equal frames left several answers open; `lost`: a connection ended, and `from` is still the one that counts. */
export type HandOverResult = 'done' | 'unsure' | 'lost';

/**
 * SPEC 11.10: the ping sandwich. `to` goes on hearing a channel where `from` ends; nothing is lost and nothing is told
 * twice. The other side answers to, from, to, from, to, from, in this order; so what `to` heard between its second and
 * third answer begins within what `from` heard between its first two, and ends before the last. Time that it takes is
 * bounded by the connections' own patience with pongs.
 */
export class HandOver {
  readonly #needs: Needs;
  #from: 'passes' | 'passes and keeps' | 'keeps' | 'is over' = 'passes';
  #to: 'is not heard' | 'keeps' | 'keeps what is new' | 'passes' = 'is not heard';
  #before: RemoteFrame[] = [];
  #after: RemoteFrame[] = [];
  #other: RemoteFrame[] = [];
  #new: RemoteFrame[] = [];

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  /** Tries again while equal frames leave open where to go on; the last attempt takes the likeliest place. */
  async run(attempts: number): Promise<HandOverResult> {
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const result = await this.#attempt(attempt === attempts);
      if (result !== 'again') return result;
    }
    return 'lost';
  }

  heardFrom(frame: RemoteFrame): void {
    if (this.#from === 'is over') return;
    if (this.#from === 'passes and keeps') this.#before.push(frame);
    if (this.#from === 'keeps') this.#after.push(frame);
    else this.#needs.pass(frame);
  }

  heardTo(frame: RemoteFrame): void {
    if (this.#to === 'passes') this.#needs.pass(frame);
    else if (this.#to === 'keeps') this.#other.push(frame);
    else if (this.#to === 'keeps what is new') this.#new.push(frame);
  }

  async #attempt(isLast: boolean): Promise<HandOverResult | 'again'> {
    const { from, to } = this.#needs;
    let result: HandOverResult | 'again' = 'lost';
    const steps: readonly (readonly [Line, () => void])[] = [
      [to, (): void => undefined],
      [from, (): void => void (this.#from = 'passes and keeps')],
      [to, (): void => void (this.#to = 'keeps')],
      [from, (): void => void (this.#from = 'keeps')],
      [to, (): void => void (this.#to = 'keeps what is new')],
      [from, (): void => void (result = this.#decide(isLast))],
    ];
    for (const [line, then] of steps) {
      if (!(await this.#answered(line, then))) return 'lost';
    }
    return result;
  }

  /** What follows happens in the moment of the answer, before anything else is heard. */
  #answered(line: Line, then: () => void): Promise<boolean> {
    return new Promise((resolve) =>
      line.ping((isAlive) => {
        if (isAlive) then();
        else this.#stay();
        resolve(isAlive);
      }),
    );
  }

  /** In the moment of the last answer: either all of what is kept goes out and `to` takes over, or nothing has changed. */
  #decide(isLast: boolean): HandOverResult | 'again' {
    const [before, other, after] = [this.#before, this.#other, this.#after].map((frames) =>
      frames.map(({ text }) => text),
    ) as [string[], string[], string[]];
    const exact = overlap(before, other, after);
    const isSure = exact !== undefined && exact >= 0;
    if (!isSure && !isLast) {
      this.#stay();
      return 'again';
    }
    const known = isSure ? exact : longestOverlap(before, other, after);
    this.#from = 'is over';
    this.#to = 'passes';
    for (const frame of [...this.#other.slice(known), ...this.#new]) this.#needs.pass(frame);
    this.#forget();
    return isSure ? 'done' : 'unsure';
  }

  #stay(): void {
    this.#from = 'passes';
    this.#to = 'is not heard';
    for (const frame of this.#after) this.#needs.pass(frame);
    this.#forget();
  }

  #forget(): void {
    this.#before = [];
    this.#after = [];
    this.#other = [];
    this.#new = [];
  }
}
