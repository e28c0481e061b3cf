import { randomUUID } from 'node:crypto';
import type { Receiver, ReceiverEnd } from '../receiver.ts';
import type { NodeMessage } from './message.ts';

interface ForwardedResponseDeps {
  /** The node that holds the session. */
  readonly node: string;
  send(message: NodeMessage): void;
  /** Called when the holder does not know the session. */
  onUnknown(): void;
}

/** A response of this node, with the lines of a session that another node holds. */
export class ForwardedResponse {
  /** Ends with the mark of its request, if it has one. */
  readonly id: string;
  readonly node: string;
  /** Time since the holder has named this response. */
  silentMs = 0;
  readonly #deps: ForwardedResponseDeps;
  readonly #receiver: Receiver;
  #nextNumber = 0;
  #bytes = 0;
  #isReporting = false;

  constructor(receiver: Receiver, deps: ForwardedResponseDeps) {
    this.id = receiver.mark === undefined ? randomUUID() : `${randomUUID()}-${receiver.mark}`;
    this.#receiver = receiver;
    this.#deps = deps;
    this.node = deps.node;
  }

  /** Number of the lines that have to come next. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  /** Takes lines of the holder. Where some are missing, the response breaks off: the client must not go on without them. */
  lines(number: number, lines: string, isLast: boolean): void {
    this.silentMs = 0;
    if (number !== this.#nextNumber) return this.breakOff();
    this.#nextNumber += 1;
    const bytes = Buffer.from(lines);
    this.#bytes += bytes.length;
    if (bytes.length > 0) this.#receiver.write(bytes);
    if (isLast) this.#receiver.end();
    else this.#reportFlushed();
  }

  /** The holder names this response, and the lines that it would send next. */
  named(number: number): void {
    this.silentMs = 0;
    if (number !== this.#nextNumber) this.breakOff();
  }

  unknown(): void {
    this.#deps.onUnknown();
  }

  breakOff(): void {
    this.#receiver.destroy();
  }

  /** Reports the end of the response to the holder. */
  ended(how: ReceiverEnd): void {
    this.#deps.send({ type: 'gone', id: this.id, bytes: this.#bytes, isWhole: how === 'whole' });
  }

  /** Reports once all that was written is taken, and again if more was written meanwhile. */
  #reportFlushed(): void {
    if (this.#isReporting) return;
    this.#isReporting = true;
    const bytes = this.#bytes;
    this.#receiver.whenFlushed(() => {
      this.#isReporting = false;
      this.#deps.send({ type: 'flushed', id: this.id, bytes });
      if (this.#bytes > bytes) this.#reportFlushed();
    });
  }
}
