import { encode, errors, type Member, type ProtocolError, type SignedInUser } from '#protocol';
import type { App } from '../app.ts';
import type { FixedWindow, TokenBucket } from './limiters.ts';
import type { FrameNote } from '../live/inspect/frame-note.ts';
import type { ChannelEvent, ChannelRef } from '../ports/events.ts';
import type { ResumePoint } from '../ports/tab-store.ts';
import type { TokenRight } from './token-right.ts';
import type { FrameEncoder, Socket } from '../ports/transport.ts';
import { encoderWithPositions, payloadFor } from '../resume/positions.ts';
import type { AppTraffic, CloseCause } from '../traffic/app-traffic.ts';

/** One connection on one channel. */
export class Subscription {
  readonly connection: Connection;
  readonly ref: ChannelRef;
  /** On presence channels: the member that the client last proved to be. */
  member: Member | undefined;
  /** Place among the channel's live subscribers, -1 while it is not one. */
  index = -1;
  /** Local sequence number of the last event that this subscriber got, or that was published before it subscribed. */
  upTo = 0;
  /** Events that arrived before the client got its `subscription_succeeded` (SPEC 3.4). */
  held: ChannelEvent[] | undefined;

  constructor(connection: Connection, ref: ChannelRef, member: Member | undefined) {
    this.connection = connection;
    this.ref = ref;
    this.member = member;
  }
}

/** Limiters of one client; each is created when it is first needed. */
export interface Limiters {
  messages?: TokenBucket;
  window?: FixedWindow;
  clientEvents?: TokenBucket;
  /** Client events of this client that the broker has not published yet. */
  clientEventsInFlight?: number;
}

/** Stops reading from, or ends, a client for which more than `leastBytes` wait (SPEC 2.16). */
export interface OutboundRule {
  readonly leastBytes: number;
  /** `written`: after which they wait. */
  check(connection: Connection, written: Buffer): void;
}

/** Notes each frame of one client, while somebody looks at it: those that are written as its outbound rule. */
export interface ConnectionFrames extends OutboundRule {
  readonly notes: readonly FrameNote[];
  received(message: Buffer): void;
}

interface CloseReason {
  readonly code: number;
  readonly message: string;
}

/** The tab that a client named (SPEC 13.2), as the client's messages need it. */
export interface ClientTab {
  /** Resolves when the places that earlier sockets left are known. */
  readonly ready: Promise<void>;
  /** Where the tab continues on a channel; `undefined`: it was not on it. */
  pointOf(channel: string): ResumePoint | undefined;
  /** The client is on a channel whose events it gets after `point`. */
  subscribed(subscription: Subscription, point: ResumePoint): void;
  unsubscribed(channel: string): void;
  /** The client answered the ping with this number. */
  answered(receipt: number): void;
  /** Nothing more is written to the client. */
  freeze(): void;
}

const NO_SOCKETS: readonly string[] = [];

interface ConnectionParts {
  readonly app: App;
  readonly socketId: string;
  readonly socket: Socket;
  readonly outbound: OutboundRule;
  /** Counts of its app. */
  readonly traffic: AppTraffic;
}

/** An admitted client, whatever its transport. */
export class Connection {
  /** The app as it is now: it is replaced when it changes (SPEC 2.18). */
  app: App;
  readonly socketId: string;
  readonly socket: Socket;
  readonly openedAtMs: number;
  /** A socket seldom has more than a handful: a list is smaller than a map and as fast. */
  readonly subscriptions: Subscription[] = [];
  /** Bytes of their names. */
  subscriptionBytes = 0;
  user: SignedInUser | undefined;
  /** Given by the token with which it signed in (SPEC 15.5). */
  tokenRight: TokenRight | undefined;
  limiters: Limiters | undefined;
  /** Makes the bytes of events for it. */
  encoder: FrameEncoder;
  /** Earlier sockets of the same client: events that exclude one of them exclude this one too (SPEC 13.5). */
  earlierSocketIds: readonly string[] = NO_SOCKETS;
  /** `undefined`: the client does not name its tab (SPEC 13.2). */
  tab: ClientTab | undefined;
  /** Time of the last sign of life, and of the ping that waits for one (0: none). */
  seenAtMs: number;
  pingedAtMs = 0;
  /** Bytes that the network had taken at the last sweep, and since when it takes none (0: not stalled). */
  flushedBytes = 0;
  stalledAtMs = 0;
  /** Set while a message waits because the client is too fast (SPEC 2.12): ends the wait. */
  endRateWait: (() => void) | undefined;
  /** True while more bytes wait than the soft limit: its messages are not handled (SPEC 2.16). */
  isSlowReader = false;
  /** Set while a message waits because of that: ends the wait. */
  endBacklogWait: (() => void) | undefined;
  /** True once it signed in or subscribed to a signed channel (SPEC 6.8). */
  authorized = false;
  /** True for a probe, which no count of clients includes (SPEC 11.1). */
  isProbe = false;
  /** Nothing more is sent once it is true. */
  closing = false;
  /** The message of this server's close, and the cause of an end without one; `undefined`: the server did not end it. */
  closeMessage: string | undefined;
  terminateCause: CloseCause | undefined;
  readonly traffic: AppTraffic;
  /** Set while somebody looks at it (SPEC 17.8); it is the outbound rule then, so that no write has to ask for it. */
  frames: ConnectionFrames | undefined;
  outbound: OutboundRule;
  #isSettled = false;

  constructor({ app, socketId, socket, outbound, traffic }: ConnectionParts, nowMs: number) {
    this.app = app;
    this.socketId = socketId;
    this.socket = socket;
    this.encoder = socket.encoder;
    this.traffic = traffic;
    this.openedAtMs = nowMs;
    this.seenAtMs = nowMs;
    this.outbound = outbound;
  }

  /** True once the drain of a server that stops has closed it (SPEC 2.13). */
  get isDrained(): boolean {
    return this.closeMessage === errors.closing.message;
  }

  subscription(channel: string): Subscription | undefined {
    return this.subscriptions.find((each) => each.ref.channel === channel);
  }

  /** Notes a sign of life: any inbound frame is one (SPEC 2.9). */
  seen(nowMs: number): void {
    this.seenAtMs = nowMs;
    this.pingedAtMs = 0;
  }

  /** Sends to this client alone, after everything that was sent to it before. */
  send(payload: string): void {
    if (this.closing) return;
    const bytes = this.socket.encoder.encode(payload);
    this.traffic.messagesSent += 1;
    this.traffic.bytesSent += bytes.length;
    this.write(bytes);
  }

  /** Sends an event to this client alone, as fan-outs send it to all. */
  sendEvent(event: ChannelEvent): void {
    this.send(payloadFor(event, this.encoder));
  }

  /** SPEC 13.7: from now on the frames of events carry their positions. */
  askForPositions(): void {
    this.encoder = encoderWithPositions(this.socket.encoder);
  }

  /** Writes bytes made by this socket's encoder: the only way out to an admitted client. Callers count them as traffic. */
  write(bytes: Buffer): void {
    if (this.closing) return;
    this.socket.write(bytes);
    if (this.socket.bufferedBytes > this.outbound.leastBytes) this.outbound.check(this, bytes);
  }

  /** SPEC 1.3, 3.6: sends the frames of a refusal; nothing is closed. */
  refuse(error: ProtocolError): void {
    for (const payload of encode.failure(error, this.app.errorDataAsString)) this.send(payload);
  }

  /** SPEC 13.4: writes nothing more; `close` still sends the reason. */
  settle(): void {
    if (this.closing) return;
    this.stopWriting();
    this.#isSettled = true;
  }

  /** Nothing more is sent from now on. */
  stopWriting(): void {
    if (this.closing) return;
    this.closing = true;
    this.tab?.freeze();
  }

  /** SPEC 2.5: sends the reason in a frame and in the close code. */
  close(reason: CloseReason): void {
    if (this.#isSettled) this.closing = this.#isSettled = false;
    this.send(encode.error(reason.code, reason.message, this.app.errorDataAsString));
    this.end(reason);
  }

  /** Sends the reason in the close code alone (SPEC 2.11). */
  end({ code, message }: CloseReason): void {
    if (this.closing) return;
    this.stopWriting();
    this.closeMessage = message;
    this.socket.close(code, message);
  }

  /** Ends the socket without a close frame. */
  terminate(cause: CloseCause): void {
    this.stopWriting();
    this.terminateCause = cause;
    this.socket.terminate();
  }
}
