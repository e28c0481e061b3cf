import { encode, type Member, type ProtocolError, type SignedInUser } from '#protocol';
import type { App } from '../app.ts';
import type { FixedWindow, TokenBucket } from './limiters.ts';
import type { ChannelEvent, ChannelRef } from '../ports/cluster.ts';
import type { Socket } from '../ports/transport.ts';

/** One connection on one channel. */
export class Subscription {
  readonly connection: Connection;
  readonly ref: ChannelRef;
  /** On presence channels: who the client last proved to be. */
  member: Member | undefined;
  /** Place among the channel's live subscribers, -1 while it is not one. */
  index = -1;
  /** Number of the last event of the channel that is settled for this subscriber: sent, or before its time. */
  upTo = 0;
  /** Events that came before the client was told that it is subscribed (SPEC 3.4). */
  held: ChannelEvent[] | undefined;

  constructor(connection: Connection, ref: ChannelRef, member: Member | undefined) {
    this.connection = connection;
    this.ref = ref;
    this.member = member;
  }
}

/** Made only when a client does what they limit. */
export interface Limiters {
  messages?: TokenBucket;
  window?: FixedWindow;
  clientEvents?: TokenBucket;
  /** Client events of his that the broker has not taken yet. */
  clientEventsInFlight?: number;
}

/** Decides about a client for which more than `leastBytes` wait (SPEC 2.16). */
interface OutboundRule {
  readonly leastBytes: number;
  check(connection: Connection): void;
}

interface Reason {
  readonly code: number;
  readonly message: string;
}

/** An admitted client: what its app may ask about it, and nothing about how it is wired. */
export class Connection {
  readonly app: App;
  readonly socketId: string;
  readonly socket: Socket;
  readonly openedAtMs: number;
  /** A socket seldom has more than a handful: a list is smaller than a map and as fast. */
  readonly subscriptions: Subscription[] = [];
  /** Bytes of their names. */
  subscriptionBytes = 0;
  user: SignedInUser | undefined;
  limiters: Limiters | undefined;
  /** Last sign of life, and when it was asked for one (0: not asked). */
  seenAtMs: number;
  pingedAtMs = 0;
  /** What the network had taken, and since when it took nothing more (0: it is not stalled). */
  flushedBytes = 0;
  stalledAtMs = 0;
  /** Set while a message waits because the client is too fast (SPEC 2.12): ends the wait. */
  endRateWait: (() => void) | undefined;
  /** More waits to be sent than the soft limit: nothing it says is looked at (SPEC 2.16). */
  isBehind = false;
  /** Set while a message waits because of that: ends the wait. */
  endBacklogWait: (() => void) | undefined;
  /** Signed in, or once let into a signed channel (SPEC 6.8). */
  authorized = false;
  /** Counted nowhere as a person (SPEC 11.1). */
  isProbe = false;
  /** Nothing more is sent once it is true. */
  closing = false;
  readonly #outbound: OutboundRule;

  constructor(app: App, socketId: string, socket: Socket, nowMs: number, outbound: OutboundRule) {
    this.app = app;
    this.socketId = socketId;
    this.socket = socket;
    this.openedAtMs = nowMs;
    this.seenAtMs = nowMs;
    this.#outbound = outbound;
  }

  subscription(channel: string): Subscription | undefined {
    return this.subscriptions.find((each) => each.ref.channel === channel);
  }

  /** Notes a sign of life: any inbound frame is one (SPEC 2.9). */
  seen(nowMs: number): void {
    this.seenAtMs = nowMs;
    this.pingedAtMs = 0;
  }

  /** To this client alone, after everything that was sent to it before. */
  send(payload: string): void {
    if (!this.closing) this.write(this.socket.encoder.encode(payload));
  }

  /** Writes bytes of this socket's wire: the one way out to an admitted client, whatever they are. */
  write(bytes: Buffer): void {
    if (this.closing) return;
    this.socket.write(bytes);
    if (this.socket.bufferedBytes > this.#outbound.leastBytes) this.#outbound.check(this);
  }

  /** SPEC 1.3, 3.6: the frames that tell what was refused; nothing is closed. */
  refuse(error: ProtocolError): void {
    for (const payload of encode.failure(error, this.app.errorDataAsString)) this.send(payload);
  }

  /** SPEC 2.5: says why in a frame and in the close code. */
  close(reason: Reason): void {
    this.send(encode.error(reason.code, reason.message, this.app.errorDataAsString));
    this.end(reason);
  }

  /** The close code alone (SPEC 2.11). */
  end({ code, message }: Reason): void {
    if (this.closing) return;
    this.closing = true;
    this.socket.close(code, message);
  }

  terminate(): void {
    this.closing = true;
    this.socket.terminate();
  }
}
