import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket as NetSocket } from 'node:net';
import { ignore } from '../../core/util/ignore.ts';
import { flushedBytesOf } from '../flushed-bytes.ts';
import { lineHeaders } from './answers.ts';
import { markIn } from './request-mark.ts';
import type { Receiver, ReceiverEnd, ReceiverKind } from './receiver.ts';

/** The lines of a session on a response of this node. */
export class ResponseReceiver implements Receiver {
  readonly kind: ReceiverKind;
  readonly mark: string | undefined;
  /** Called once, when nothing of the response is left. Set by whoever writes to it. */
  onEnd: (how: ReceiverEnd) => void = ignore;
  readonly #response: ServerResponse;
  readonly #network: NetSocket | null;
  /** Bytes that the network had taken for earlier responses. */
  readonly #flushedBefore: number;
  #flushed: number | undefined;
  #pendingWrites = 0;
  /** One function for all writes. */
  readonly #written = (error?: Error | null): void => {
    if (!error) this.#pendingWrites -= 1;
  };

  constructor(kind: ReceiverKind, { headers, url = '' }: IncomingMessage, response: ServerResponse) {
    this.kind = kind;
    this.mark = markIn(url);
    this.#response = response;
    this.#network = response.socket;
    this.#flushedBefore = this.#network === null ? 0 : flushedBytesOf(this.#network);
    response.writeHead(200, lineHeaders(headers));
    // A proxy may wait no longer for the head than for the first line.
    if (kind === 'xhr_streaming') response.flushHeaders();
    response.once('close', () => {
      this.#flushed ??= this.flushedBytes;
      this.onEnd(this.#pendingWrites > 0 ? 'lossy' : 'whole');
    });
  }

  get bufferedBytes(): number {
    return this.#response.writableFinished || this.#response.destroyed ? 0 : this.#response.writableLength;
  }

  get flushedBytes(): number {
    if (this.#flushed !== undefined) return this.#flushed;
    return this.#network === null ? 0 : flushedBytesOf(this.#network) - this.#flushedBefore;
  }

  write(lines: Buffer): void {
    if (this.#response.writableEnded) return;
    this.#pendingWrites += 1;
    this.#response.write(lines, this.#written);
  }

  whenFlushed(done: () => void): void {
    if (this.#response.destroyed || this.#response.writableFinished) return void setImmediate(done);
    if (this.#response.writableEnded) this.#response.once('close', done);
    else this.#response.write('', done);
  }

  end(): void {
    if (this.#response.writableEnded) return;
    this.#response.end();
  }

  destroy(): void {
    this.#response.destroy();
  }
}
