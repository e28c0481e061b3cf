import type { ProcessLink } from '../../src/core/ports/nodes/handover.ts';

/** One end of a link in this process. */
class LinkEnd implements ProcessLink {
  other!: LinkEnd;
  #receive: (text: string) => void = () => undefined;
  #ended: () => void = () => undefined;

  send(text: string): Promise<void> {
    queueMicrotask(() => this.other.#receive(text));
    return Promise.resolve();
  }

  onText(receive: (text: string) => void): void {
    this.#receive = receive;
  }

  onEnd(listener: () => void): void {
    this.#ended = listener;
  }

  /** Ends the process at this end. */
  end(): void {
    this.other.#ended();
  }
}

/** Two ends of one link, as two processes have it. */
export function linkPair(): [LinkEnd, LinkEnd] {
  const [one, two] = [new LinkEnd(), new LinkEnd()];
  one.other = two;
  two.other = one;
  return [one, two];
}
