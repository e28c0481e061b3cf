/**
 * SPEC 11.10: finds the offset between two connections that are subscribed to the same channel. Both receive the same
 * frames, one a little later than the other. The server answers pings in turn (second, first, second, first …), so each
 * pong bounds where the second connection is in the stream of the first; comparing the texts removes the candidates
 * that are left. Every round adds to both, so the offset becomes certain with the first frame that differs, or with the
 * first round without a frame.
 *
 *     first has received    a  b        One round: the second pongs before it receives `b c`, then the first pongs.
 *     second has received      b  c     The second one's `b` is the frame of the first at …
 *     place 0: `a` is not `b`           … refused;
 *     place 1: `b` is `b`               … possible, the second is 1 frame ahead (lag -1);
 *     place 2: nothing to compare yet   … possible, lag -2; refused as soon as the first receives `c`.
 */
export class StreamAlignment {
  readonly #first: string[] = [];
  readonly #second: string[] = [];
  /** Frames that each had received at its last pong. */
  #firstBefore = 0;
  #secondBefore = 0;
  /** Candidates for the index, among the frames of the first, of the second one's first frame. Unknown before the first round ends. */
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

  /** The streams are not the same: no candidate is left. */
  get isBroken(): boolean {
    return this.#places?.length === 0;
  }

  /**
   * Frames that the second is behind the first; negative when it is ahead. Among several candidates the one that loses
   * no frame counts; without any, 0.
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
