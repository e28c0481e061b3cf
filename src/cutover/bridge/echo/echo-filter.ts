import { isInternal, type ServerFrame } from '../../client/server-frame.ts';
import type { BridgeCounters } from '../status/counters.ts';
import type { EchoBook } from './echo-book.ts';
import { echoKey } from './echo-key.ts';

interface EchoFilterDeps {
  readonly book: EchoBook;
  /** Resolves when every note that other nodes published before has been received. */
  readonly notes: { mark(): Promise<void> };
  readonly counters: BridgeCounters;
  /** With more frames than these, notes are not waited for. */
  readonly mostHeld: number;
  /** Receives each event that is not an echo, in order. */
  readonly next: { event(channel: string, frame: ServerFrame): void };
}

interface HeldFrame {
  readonly channel: string;
  readonly key: string;
  readonly frame: ServerFrame;
}

/**
 * SPEC 11.8: drops echoes and passes all other events on, in their order. A frame that no known note explains is held
 * until notes that are on their way from other nodes have been received.
 */
export class EchoFilter {
  readonly #deps: EchoFilterDeps;
  #held: HeldFrame[] = [];
  #isMarking = false;

  constructor(deps: EchoFilterDeps) {
    this.#deps = deps;
  }

  receive(channel: string, frame: ServerFrame): void {
    if (isInternal(frame.event)) return;
    const held = { channel, key: echoKey(frame.event, frame.data), frame };
    if (this.#isEcho(held)) return;
    this.#held.push(held);
    if (this.#held.length > this.#deps.mostHeld) this.#release(this.#held.length);
    else if (!this.#isMarking) void this.#releaseAfterMark();
  }

  /** Resolves when the frames that are held at the moment have been compared with all notes. */
  async settled(): Promise<void> {
    if (this.#held.length > 0) await this.#deps.notes.mark();
  }

  async #releaseAfterMark(): Promise<void> {
    this.#isMarking = true;
    while (this.#held.length > 0) {
      const count = this.#held.length;
      await this.#deps.notes.mark();
      this.#release(count);
    }
    this.#isMarking = false;
  }

  #release(count: number): void {
    for (const held of this.#held.splice(0, count))
      if (!this.#isEcho(held)) this.#deps.next.event(held.channel, held.frame);
  }

  #isEcho({ channel, key, frame }: HeldFrame): boolean {
    const isEcho = this.#deps.book.consume(channel, key, frame.userId);
    if (isEcho) this.#deps.counters.add('echoesDropped');
    return isEcho;
  }
}
