import { encode, framing } from '#protocol';
import { ignore } from '../../core/util/ignore.ts';
import { LargestFrame } from '../largest-frame.ts';
import { charactersOf, lineEncoder } from './line-encoder.ts';
import { Receipts } from './receipts.ts';
import type { Receiver, ReceiverKind } from './receiver.ts';

/** SPEC 10.5: characters of a streaming response beyond which its client makes a new request. */
const RENEWAL_CHARACTERS = 256 * 1024;
/** Lines up to this size are not tracked one by one: they are small beside any limit of buffered bytes. */
const LARGE_LINES_BYTES = 4 * 1024;
const HEARTBEAT = Buffer.from(framing.heartbeat());
/** Answered by each client with a message of its own; a heartbeat is not, as clients send what answers it unasked too. */
const PING = lineEncoder.encode(encode.ping());

interface FlushWaiter {
  /** Bytes of the session, up to and with the last one that is waited for. */
  readonly end: number;
  readonly done: () => void;
}

/** Lines of one session on their way to its client: those that wait for a request, and those on responses. */
export class Outgoing {
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  /** The response that takes lines now. */
  #receiver: Receiver | undefined;
  /** Responses that have ended or were replaced, as long as some of their bytes are not taken. */
  #ending: Receiver[] = [];
  /** Kind of the newest response, also when it has ended, the mark of its request, and whether it got lines. */
  #kind: ReceiverKind | undefined;
  #mark: string | undefined;
  #hasLines = false;
  /** Characters of the newest streaming response. */
  #characters = 0;
  #writtenBytes = 0;
  #flushedBefore = 0;
  #largestLines: LargestFrame | undefined;
  #waiters: FlushWaiter[] = [];
  #isWatchingFlush = false;
  #isPollScheduled = false;
  #quietMs = 0;
  readonly #receipts: Receipts;

  /** `confirm`: called with each receipt that was asked for and that the client has proved. */
  constructor(confirm: (receipt: number) => void = ignore) {
    this.#receipts = new Receipts(confirm);
  }

  get bufferedBytes(): number {
    let bytes = this.#queuedBytes + (this.#receiver?.bufferedBytes ?? 0);
    for (const each of this.#ending) bytes += each.bufferedBytes;
    return bytes;
  }

  get flushedBytes(): number {
    let bytes = this.#flushedBefore + (this.#receiver?.flushedBytes ?? 0);
    for (const each of this.#ending) bytes += each.flushedBytes;
    return bytes;
  }

  get bytesBeyondLargestFrame(): number {
    const { bufferedBytes } = this;
    return bufferedBytes - (this.#largestLines?.unflushedBytes(this.#writtenBytes - bufferedBytes) ?? 0);
  }

  /** Writes that wait because no request takes them; 0 while one does. */
  get writesWithoutReceiver(): number {
    return this.#takesLines ? 0 : this.#queue.length;
  }

  /** True while a request waits for lines, or has not got all of those that it takes. */
  get isAttended(): boolean {
    return this.#receiver !== undefined && (!this.#isFull || this.#receiver.bufferedBytes > 0);
  }

  /**
   * Goes on with this response, in place of an earlier one (SPEC 10.4). False: its request is that of the newest response, sent
   * again, so that the lines on that one are lost.
   */
  attach(receiver: Receiver): boolean {
    if (this.#hasLines && receiver.mark !== undefined && receiver.mark === this.#mark) return false;
    this.#hasLines = false;
    this.#mark = receiver.mark;
    if (this.#isProofOfArrival) this.#receipts.arrived(this.#writtenBytes - this.#queuedBytes);
    if (this.#receiver !== undefined) this.#endReceiver(this.#receiver);
    this.#receiver = receiver;
    this.#kind = receiver.kind;
    this.#characters = 0;
    this.#quietMs = 0;
    if (this.#queue.length > 0) this.#send();
    this.#pingForReceipt();
    return true;
  }

  /** Called when nothing is left of a response. */
  ended(receiver: Receiver): void {
    this.#flushedBefore += receiver.flushedBytes;
    if (this.#receiver === receiver) this.#receiver = undefined;
    else this.#ending = this.#ending.filter((each) => each !== receiver);
    this.#watchFlush();
  }

  write(lines: Buffer): void {
    this.#writtenBytes += lines.length;
    if (lines.length > LARGE_LINES_BYTES)
      (this.#largestLines ??= new LargestFrame()).add(lines.length, this.#writtenBytes);
    if (this.#takesLines && this.#receiver?.kind === 'xhr_streaming')
      return this.#writeTo(this.#receiver, lines);
    this.#queue.push(lines);
    this.#queuedBytes += lines.length;
    if (this.#receiver !== undefined) this.#send();
  }

  whenFlushed(done: () => void): void {
    this.#waiters.push({ end: this.#writtenBytes, done });
    this.#watchFlush();
  }

  /** Counts time; a response that has been quiet for `heartbeatMs` gets a heartbeat (SPEC 10.5). */
  tick(passedMs: number, heartbeatMs: number): void {
    this.#receipts.tick(passedMs);
    this.#pingForReceipt();
    this.#quietMs += passedMs;
    if (this.#quietMs >= heartbeatMs) this.ping();
  }

  /** Sends a heartbeat, if a response takes one. */
  ping(): void {
    if (!this.#takesLines) return;
    this.write(HEARTBEAT);
  }

  /** Confirms `receipt` when the client has proved that everything that was written before has arrived (SPEC 13.3). */
  askForReceipt(receipt: number): void {
    this.#receipts.ask(receipt, this.#writtenBytes);
    this.#pingForReceipt();
  }

  /** True when the client owes an answer to the ping of a receipt. */
  get isPinged(): boolean {
    return this.#receipts.isPinged;
  }

  /** The client answered the ping of a receipt. */
  ponged(): void {
    this.#receipts.ponged();
    this.#pingForReceipt();
  }

  /** Writes the last line and ends the response. Returns the lines that wait for a request, that line among them, if there is none. */
  close(line: Buffer): readonly Buffer[] {
    const isTaken = this.#takesLines;
    this.write(line);
    if (isTaken) this.#answer();
    this.#settleAll();
    return this.#queue;
  }

  /** Ends everything at once. */
  destroy(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#receiver?.destroy();
    for (const each of this.#ending) each.destroy();
    this.#settleAll();
  }

  get #isFull(): boolean {
    return this.#characters > RENEWAL_CHARACTERS;
  }

  /**
   * True when a further request proves that the client has all lines of those before: it polls again when it has read the answer,
   * and makes a new streaming request when it has read all of a full response.
   */
  get #isProofOfArrival(): boolean {
    return this.#kind === 'xhr_polling' || this.#isFull;
  }

  get #takesLines(): boolean {
    return this.#receiver !== undefined && !this.#isFull;
  }

  /** Writes a ping where nothing else would prove what is asked for. */
  #pingForReceipt(): void {
    if (!this.#receipts.needsPing || !this.#takesLines || this.#kind !== 'xhr_streaming') return;
    this.write(PING);
    this.#receipts.pinged(this.#writtenBytes);
  }

  #send(): void {
    if (this.#receiver?.kind === 'xhr_streaming') return this.#sendQueue(this.#receiver);
    // Frames of one iteration of the event loop leave in one response.
    if (this.#isPollScheduled) return;
    this.#isPollScheduled = true;
    setImmediate(() => {
      this.#isPollScheduled = false;
      if (this.#receiver?.kind === 'xhr_polling' && this.#queue.length > 0) this.#answer();
    });
  }

  /** Writes what waits and ends the response. */
  #answer(): void {
    const receiver = this.#receiver;
    if (receiver === undefined) return;
    this.#sendQueue(receiver);
    this.#receiver = undefined;
    this.#endReceiver(receiver);
    this.#watchFlush();
  }

  #endReceiver(receiver: Receiver): void {
    this.#ending.push(receiver);
    receiver.end();
  }

  #sendQueue(receiver: Receiver): void {
    let at = 0;
    for (; at < this.#queue.length && !this.#isFull; at += 1) {
      const lines = this.#queue[at] as Buffer;
      this.#queuedBytes -= lines.length;
      this.#writeTo(receiver, lines);
    }
    this.#queue.splice(0, at);
    this.#watchFlush();
  }

  #writeTo(receiver: Receiver, lines: Buffer): void {
    this.#quietMs = 0;
    this.#hasLines = true;
    if (receiver.kind === 'xhr_streaming') this.#characters += charactersOf(lines);
    receiver.write(lines);
  }

  /** Looks after those who wait each time that a response has been taken. */
  #watchFlush(): void {
    if (this.#waiters.length === 0 || this.#isWatchingFlush) return;
    const receiver = [...this.#ending, this.#receiver].find((each) => (each?.bufferedBytes ?? 0) > 0);
    if (receiver === undefined) {
      if (this.#queue.length === 0) setImmediate(() => this.#settle());
      return;
    }
    this.#isWatchingFlush = true;
    receiver.whenFlushed(() => {
      this.#isWatchingFlush = false;
      this.#settle();
      this.#watchFlush();
    });
  }

  #settle(): void {
    const flushed = this.#writtenBytes - this.bufferedBytes;
    const isDone = ({ end }: FlushWaiter): boolean => end <= flushed;
    const done = this.#waiters.filter(isDone);
    this.#waiters = this.#waiters.filter((each) => !isDone(each));
    for (const each of done) each.done();
  }

  #settleAll(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { done } of waiters) setImmediate(done);
  }
}
