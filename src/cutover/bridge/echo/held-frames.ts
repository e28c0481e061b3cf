/** A frame of the other side, of which it is not certain yet whether it is an echo. */
export interface HeldFrame {
  readonly channel: string;
  readonly key: string;
  readonly user: string | undefined;
  readonly pass: () => void;
}

interface HeldFramesDeps {
  /** With more than these, nobody is waited for. */
  readonly most: number;
  /** Resolves when every note that other nodes published before has been heard. */
  mark(): Promise<void>;
  release(frame: HeldFrame): void;
}

/**
 * SPEC 11.8: frames are held until it is certain that no other node's note about them is on its way. They are released
 * in their order.
 */
export class HeldFrames {
  readonly #deps: HeldFramesDeps;
  #frames: HeldFrame[] = [];
  #isMarking = false;

  constructor(deps: HeldFramesDeps) {
    this.#deps = deps;
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0;
  }

  hold(frame: HeldFrame): void {
    this.#frames.push(frame);
    if (this.#frames.length > this.#deps.most) this.#release(this.#frames.length);
    else if (!this.#isMarking) void this.#mark();
  }

  async #mark(): Promise<void> {
    this.#isMarking = true;
    while (!this.isEmpty) {
      const count = this.#frames.length;
      await this.#deps.mark();
      this.#release(count);
    }
    this.#isMarking = false;
  }

  #release(count: number): void {
    for (const frame of this.#frames.splice(0, count)) this.#deps.release(frame);
  }
}
