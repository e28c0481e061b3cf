import type { Receiver, ReceiverEnd, ReceiverKind } from '../receiver.ts';
import type { NodeMessage } from './message.ts';

/** Lines of one message between nodes stay below this, unless one write is larger. */
const JOIN_BYTES = 64 * 1024;
const UUID_LENGTH = 36;

interface RemoteReceiverDeps {
  readonly id: string;
  readonly kind: ReceiverKind;
  /** The node of the request. */
  readonly node: string;
  send(message: NodeMessage): void;
  /** Called once, when nothing of the response is left. */
  onEnd(how: ReceiverEnd): void;
}

interface FlushWaiter {
  readonly end: number;
  readonly done: () => void;
}

/** The lines of a session on a response of another node, which reports what its client's network has taken. */
export class RemoteReceiver implements Receiver {
  readonly id: string;
  readonly kind: ReceiverKind;
  readonly mark: string | undefined;
  readonly node: string;
  /** Time since the other node has named this request. */
  silentMs = 0;
  readonly #deps: RemoteReceiverDeps;
  #pending: Buffer[] = [];
  #isScheduled = false;
  #isEnding = false;
  #isGone = false;
  #hasSentLast = false;
  #number = 0;
  #writtenBytes = 0;
  #flushedBytes = 0;
  #waiters: FlushWaiter[] = [];

  constructor(deps: RemoteReceiverDeps) {
    this.#deps = deps;
    this.id = deps.id;
    this.kind = deps.kind;
    this.mark = /_/.test(deps.id) ? deps.id.slice(UUID_LENGTH + 1) : undefined;
    this.node = deps.node;
  }

  get bufferedBytes(): number {
    return this.#isGone ? 0 : this.#writtenBytes - this.#flushedBytes;
  }

  get flushedBytes(): number {
    return this.#flushedBytes;
  }

  /** Number of the lines that are sent next. */
  get nextNumber(): number {
    return this.#number;
  }

  write(lines: Buffer): void {
    if (this.#isGone || this.#isEnding) return;
    this.#writtenBytes += lines.length;
    this.#pending.push(lines);
    this.#sendLater();
  }

  whenFlushed(done: () => void): void {
    if (this.bufferedBytes === 0) return void setImmediate(done);
    this.#waiters.push({ end: this.#writtenBytes, done });
  }

  end(): void {
    if (this.#isGone || this.#isEnding) return;
    this.#isEnding = true;
    this.#sendLater();
  }

  destroy(): void {
    if (this.#isGone) return;
    this.#deps.send({ type: 'gone', id: this.id, bytes: 0, isWhole: false });
    this.gone('lossy');
  }

  /** The other node reports bytes that were taken. A number that is out of range is ignored. */
  flushed(bytes: number): void {
    if (bytes <= this.#flushedBytes || bytes > this.#writtenBytes) return;
    this.#flushedBytes = bytes;
    const waiters = this.#waiters;
    this.#waiters = waiters.filter(({ end }) => end > bytes);
    for (const { end, done } of waiters) if (end <= bytes) done();
  }

  /** The other node reports the end of the response: it is whole when everything that was written was taken. */
  ended(bytes: number, isWhole: boolean): void {
    if (isWhole) this.flushed(bytes);
    this.gone(isWhole && bytes === this.#writtenBytes ? 'whole' : 'lossy');
  }

  /** Ends without a message: the other node has ended it, or is lost. */
  gone(how: ReceiverEnd): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#pending = [];
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { done } of waiters) setImmediate(done);
    this.#deps.onEnd(how);
  }

  /** Lines of one iteration of the event loop leave together. */
  #sendLater(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#sendPending();
    });
  }

  #sendPending(): void {
    while (this.#pending.length > 0) {
      let bytes = 0;
      const count = this.#pending.findIndex(({ length }, at) => at > 0 && (bytes += length) > JOIN_BYTES);
      const joined = this.#pending.splice(0, count === -1 ? this.#pending.length : count);
      this.#sendLines(joined, this.#isEnding && this.#pending.length === 0);
    }
    if (this.#isEnding && !this.#hasSentLast && !this.#isGone) this.#sendLines([], true);
  }

  #sendLines(lines: readonly Buffer[], isLast: boolean): void {
    this.#hasSentLast = isLast;
    const text = Buffer.concat(lines).toString();
    this.#deps.send({ type: 'lines', id: this.id, number: this.#number++, lines: text, isLast });
  }
}
