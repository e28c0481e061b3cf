interface WrittenFrame {
  readonly bytes: number;
  /** Bytes written to the socket up to and with this frame. */
  readonly end: number;
}

/** Tracks the largest frame that is not flushed yet. A single frame may be larger than the limit of buffered bytes, which does not count it. */
export class LargestFrame {
  /** In the order of writing, each smaller than the one before: any other frame is flushed before it could be the largest. */
  #frames: WrittenFrame[] = [];

  add(bytes: number, end: number): void {
    while ((this.#frames.at(-1)?.bytes ?? Infinity) <= bytes) this.#frames.pop();
    this.#frames.push({ bytes, end });
  }

  /** Bytes of the largest frame that are not flushed when `flushed` bytes of the socket are; 0: there is none. */
  unflushedBytes(flushed: number): number {
    while ((this.#frames[0]?.end ?? Infinity) <= flushed) this.#frames.shift();
    const [largest] = this.#frames;
    return largest === undefined ? 0 : Math.min(largest.bytes, largest.end - flushed);
  }
}
