interface Frame {
  readonly bytes: number;
  /** Place of its last byte among all bytes that the socket was given. */
  readonly end: number;
}

/** Knows the largest frame that the network has not taken: one frame may be larger than everything else that may wait. */
export class LargestFrame {
  /** In their order, each smaller than the one before: no other can become the largest. */
  #frames: Frame[] = [];

  add(bytes: number, end: number): void {
    while ((this.#frames.at(-1)?.bytes ?? Infinity) <= bytes) this.#frames.pop();
    this.#frames.push({ bytes, end });
  }

  /** Bytes of it that are not taken when `taken` of all bytes are; 0: there is none. */
  unsentBytes(taken: number): number {
    while ((this.#frames[0]?.end ?? Infinity) <= taken) this.#frames.shift();
    const [largest] = this.#frames;
    return largest === undefined ? 0 : Math.min(largest.bytes, largest.end - taken);
  }
}
