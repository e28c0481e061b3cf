import { errors, framing } from '#protocol';
import type { StopReason } from '../../core/client/reading.ts';
import type { FrameEncoder, Session, Socket } from '../../core/ports/transport.ts';
import type { Peer } from '../peer.ts';
import { isPong } from '../pong.ts';
import type { TimeSlice } from '../time-slice.ts';
import { Inbox, type InboxLimits } from './inbox.ts';
import { lineEncoder } from './line-encoder.ts';
import { Outgoing } from './outgoing.ts';
import type { Receiver, ReceiverEnd, ReceiverKind } from './receiver.ts';

/** Reported for a session that ends without a close (RFC 6455, 7.1.5). */
const LOST = 1006;

/** SPEC 10.4: the client connects again. */
const ANSWER_LOST = Buffer.from(framing.close(LOST, 'The answer before was lost.'));

const OPEN: Readonly<Record<ReceiverKind, Buffer>> = {
  xhr_streaming: Buffer.from(framing.prelude() + framing.open()),
  xhr_polling: Buffer.from(framing.open()),
};

export interface SessionLimits extends InboxLimits {
  /** Time without a receiving request after which a session ends. */
  readonly awayMs: number;
  /** Time without a line after which a response gets a heartbeat. */
  readonly heartbeatMs: number;
  /** Writes that may wait while there is no receiving request. */
  readonly queuedWrites: number;
}

/** Parts of the transport that all of its sessions share. */
export interface SessionContext {
  readonly limits: SessionLimits;
  readonly timeSlice: TimeSlice;
  /** Called once, when a session has ended. `lines`: those that its client may still ask for; none: it was not closed. */
  ended(session: FallbackSession, lines: readonly Buffer[]): void;
  /** Called when the session is about to end because more waits than may: lines that its client does not receive, or messages that it sends. */
  overflowed(session: FallbackSession, what: 'lines' | 'messages'): void;
}

/** The core's `Socket` over HTTP requests: one client, whose lines are written to whichever request receives (SPEC 10.4). */
export class FallbackSession implements Socket {
  readonly transport: ReceiverKind;
  readonly encoder: FrameEncoder = lineEncoder;
  readonly remoteAddress: string;
  readonly secure: boolean;
  /** Names the session on all nodes; not logged. */
  readonly id: string;
  readonly #context: SessionContext;
  readonly #outgoing = new Outgoing((receipt) => this.#session?.alive(receipt));
  readonly #inbox: Inbox;
  #session: Session | undefined;
  /** Reasons for which reading is stopped, as bits. */
  #stopReasons = 0;
  /** Time for which it had no receiving request; `undefined`: it has one. */
  #awayMs: number | undefined;
  /** Code with which the session ended. */
  #closeCode: number | undefined;

  constructor(id: string, kind: ReceiverKind, peer: Peer, context: SessionContext) {
    this.id = id;
    this.transport = kind;
    this.remoteAddress = peer.remoteAddress;
    this.secure = peer.secure;
    this.#context = context;
    this.#inbox = new Inbox({
      limits: context.limits,
      timeSlice: context.timeSlice,
      isStopped: () => this.readingStopped,
      deliver: (message) => this.#session?.received(message),
    });
    this.write(OPEN[kind]);
  }

  startSession(session: Session): void {
    this.#session = session;
    if (this.#closeCode !== undefined) session.closed(this.#closeCode);
  }

  get isEnded(): boolean {
    return this.#closeCode !== undefined;
  }

  get bufferedBytes(): number {
    return this.#outgoing.bufferedBytes;
  }

  get bytesBeyondLargestFrame(): number {
    return this.#outgoing.bytesBeyondLargestFrame;
  }

  get flushedBytes(): number {
    return this.#outgoing.flushedBytes;
  }

  get isAway(): boolean {
    return !this.#outgoing.isAttended;
  }

  write(bytes: Buffer): void {
    if (this.isEnded) return;
    this.#outgoing.write(bytes);
    if (this.#outgoing.writesWithoutReceiver <= this.#context.limits.queuedWrites) return;
    this.#context.overflowed(this, 'lines');
    this.terminate();
  }

  whenFlushed(done: () => void): void {
    if (this.isEnded) setImmediate(done);
    else this.#outgoing.whenFlushed(done);
  }

  /** SPEC 10.4: a client without a receiving request finds the close with its next one. */
  close(code: number, reason: string): void {
    if (this.isEnded) return;
    const last = Buffer.from(framing.close(code, reason));
    const waiting = this.#outgoing.close(last);
    this.#end(code, waiting.length > 0 ? waiting : [last]);
    this.#session?.closed(code);
  }

  terminate(): void {
    if (this.isEnded) return;
    this.#outgoing.destroy();
    this.#end(LOST, []);
    const session = this.#session;
    if (session !== undefined) setImmediate(() => session.closed(LOST));
  }

  /** SPEC 10.5, 13.3. */
  ping(receipt?: number): void {
    if (this.isEnded) return;
    if (receipt === undefined) this.#outgoing.ping();
    else this.#outgoing.askForReceipt(receipt);
  }

  get readingStopped(): boolean {
    return this.#stopReasons !== 0;
  }

  stopReading(reason: StopReason): void {
    if (!this.isEnded) this.#stopReasons |= reason;
  }

  resumeReading(reason: StopReason): void {
    const before = this.#stopReasons;
    this.#stopReasons &= ~reason;
    if (before !== 0 && this.#stopReasons === 0) this.#inbox.deliver();
  }

  /** Goes on with this response; its request is a sign of life. */
  attach(receiver: Receiver): void {
    this.#awayMs = undefined;
    if (this.#outgoing.attach(receiver)) return this.#session?.alive();
    this.terminate();
    receiver.write(ANSWER_LOST);
    receiver.end();
  }

  /** Called when nothing is left of a response. What a client did not get is not sent again, so a loss ends the session. */
  receiverEnded(receiver: Receiver, how: ReceiverEnd): void {
    this.#outgoing.ended(receiver);
    if (how === 'lossy') this.terminate();
  }

  /** Takes the messages of one body; none of them: a sign of life. A session that cannot take them is closed (SPEC 10.6). */
  receive(messages: readonly Buffer[]): void {
    if (this.isEnded) return;
    if (messages.length === 0) return this.#session?.alive();
    if (this.#outgoing.isPinged && messages.some(isPong)) this.#outgoing.ponged();
    if (this.#inbox.add(messages)) return;
    this.#context.overflowed(this, 'messages');
    this.close(errors.rateLimitTerminated.code, errors.rateLimitTerminated.message);
  }

  /** Closes a session that was sent more bytes than one message may have (SPEC 2.11). */
  refuseSize(): void {
    this.close(errors.messageTooLarge.code, errors.messageTooLarge.message);
  }

  /** Counts time: sends heartbeats, and ends a session whose client is away. */
  tick(passedMs: number): void {
    const { awayMs, heartbeatMs } = this.#context.limits;
    // From the first tick that finds it away, so that it has at least the whole time.
    if (!this.isAway) this.#awayMs = undefined;
    else this.#awayMs = this.#awayMs === undefined ? 0 : this.#awayMs + passedMs;
    if (this.#awayMs !== undefined && this.#awayMs >= awayMs) this.terminate();
    else this.#outgoing.tick(passedMs, heartbeatMs);
  }

  /** Ends the responses that a closed session may still have. */
  release(): void {
    this.#outgoing.destroy();
  }

  #end(code: number, lines: readonly Buffer[]): void {
    this.#closeCode = code;
    this.#stopReasons = 0;
    this.#inbox.clear();
    this.#context.ended(this, lines);
  }
}
