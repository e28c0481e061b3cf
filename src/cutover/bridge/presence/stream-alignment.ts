/**
 * SPEC 11.10: where two connections stand in one stream of frames that both hear. The other side does one thing at a
 * time, so its answers to first, second, first, second, first … say between which frames of the first each answer to the
 * second lies; equal texts say the rest. Every round adds to both, so the place becomes certain sooner or later: with the
 * first frame that differs, or the first round in which nothing was heard.
 */
export class StreamAlignment {
  readonly #first: string[] = [];
  readonly #second: string[] = [];
  /** Frames that each had heard at its last answer. */
  #firstBefore = 0;
  #secondBefore = 0;
  /** What may be: the first frame of the second is this one of the first. Unknown until the first round is over. */
  #places: number[] | undefined;

  firstReceived(text: string): void {
    this.#first.push(text);
  }

  secondReceived(text: string): void {
    this.#second.push(text);
  }

  secondPonged(): void {
    this.#secondBefore = this.#second.length;
  }

  /** Ends a round. */
  firstPonged(): void {
    const [from, to] = [this.#firstBefore - this.#secondBefore, this.#first.length - this.#secondBefore];
    this.#firstBefore = this.#first.length;
    this.#places ??= Array.from({ length: to + 1 }, (_, place) => place);
    this.#places = this.#places.filter((place) => place >= from && place <= to && this.#fits(place));
  }

  get isSure(): boolean {
    return this.#places?.length === 1;
  }

  /** The streams are not the same: no place is left. */
  get isBroken(): boolean {
    return this.#places?.length === 0;
  }

  /**
   * How far the second is behind the first in frames, less than 0 when it is ahead. While several places are left it is the one
   * that loses nothing; when none is, both are taken to be level.
   */
  get lag(): number {
    const place = this.#places?.at(-1);
    return place === undefined ? 0 : this.#first.length - place - this.#second.length;
  }

  #fits(place: number): boolean {
    const common = Math.min(this.#second.length, this.#first.length - place);
    for (let at = 0; at < common; at += 1) if (this.#first[place + at] !== this.#second[at]) return false;
    return true;
  }
}
