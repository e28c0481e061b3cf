import type { Receiver, ReceiverEnd, ReceiverKind } from '../../../src/transports/http-fallback/receiver.ts';

/** A response whose client takes bytes when the test says so. */
export class FakeReceiver implements Receiver {
  readonly kind: ReceiverKind;
  text = '';
  state: 'open' | 'ended' | 'destroyed' = 'open';
  bufferedBytes = 0;
  flushedBytes = 0;
  /** Called by the test, as a response does when nothing is left of it. */
  onEnd: (how: ReceiverEnd) => void = () => undefined;
  #waiters: (() => void)[] = [];

  readonly mark: string | undefined;

  constructor(kind: ReceiverKind, mark?: string) {
    this.kind = kind;
    this.mark = mark;
  }

  write(lines: Buffer): void {
    this.text += lines.toString();
    this.bufferedBytes += lines.length;
  }

  whenFlushed(done: () => void): void {
    this.#waiters.push(done);
  }

  end(): void {
    this.state = 'ended';
  }

  destroy(): void {
    this.state = 'destroyed';
  }

  take(bytes = this.bufferedBytes): void {
    this.bufferedBytes -= bytes;
    this.flushedBytes += bytes;
    if (this.bufferedBytes === 0) for (const done of this.#waiters.splice(0)) done();
  }
}
