import type { StopReason } from '../client/reading.ts';

/** How one kind of transport puts a payload on its wire. One shared object per kind. */
export interface FrameEncoder {
  /** The bytes of one payload (the JSON text of a frame). Called once per event, not once per socket. */
  encode(payload: string): Buffer;
}

/** What a transport gives: anything that can take bytes and be closed is a client. No member may throw. */
export interface Socket {
  readonly encoder: FrameEncoder;
  readonly remoteAddress: string;
  readonly secure: boolean;
  /** Bytes accepted by `write` that the network has not taken yet; a write that is under way may count as a whole. */
  readonly bufferedBytes: number;
  /** Exactly those, without what is left of the largest frame among them. */
  readonly bytesBeyondLargestFrame: number;
  /** Bytes that the network has taken since the socket opened. */
  readonly flushedBytes: number;
  /** Writes bytes made by this socket's `wire`, in order; a socket that is closing drops them. */
  write(bytes: Buffer): void;
  /** Calls back once, when the network has taken everything that was written before, or the socket is gone. */
  whenFlushed(done: () => void): void;
  /** Says goodbye with a close code after what was written before. */
  close(code: number, reason: string): void;
  /** Ends the socket at once, without a word: for peers that do not read. */
  terminate(): void;
  /** Asks for a sign of life by a control frame or heartbeat. */
  ping(): void;
  /** True while reading is stopped, for any reason. */
  readonly readingStopped: boolean;
  /** Stops reading from the client until the same reason is taken back. A socket that is closing reads on, and drops. */
  stopReading(reason: StopReason): void;
  /** Takes one reason back; reading goes on when no other is left. */
  resumeReading(reason: StopReason): void;
}

export interface Handshake {
  readonly appKey: string;
  readonly protocol: string | undefined;
  readonly origin: string | undefined;
  /** A probe that proved the app's secret: measures the server, is in no limit and in no count of people. */
  readonly isProbe?: boolean;
  /** Called with true when the client is greeted, with false when a fault of this server prevents it; not when it is refused. */
  readonly decided?: (isGreeted: boolean) => void;
}

/** What the transport gets back: the three things that it must report. No member throws. */
export interface Session {
  /** One whole message in UTF-8; what is not UTF-8 comes as an empty one, which is as malformed. */
  received(message: Buffer): void;
  /** A control frame or heartbeat arrived. */
  alive(): void;
  closed(code: number): void;
}

/** The only entry into the core. Never throws: a refused client gets its error and close frame as any other does. */
export interface Gateway {
  opened(socket: Socket, handshake: Handshake): Session;
}

/** Changes that a front door may make to one upgrade; an empty one changes nothing. */
export interface UpgradeContext {
  /** Opens the session in place of the transport's own gateway. */
  readonly gateway?: Gateway;
  /** Header line that the 101 answer carries as well, such as `Set-Cookie: …`. */
  readonly headerLine?: string | undefined;
}
