import type { StopReason } from '../client/reading.ts';

/** Turns payloads into the bytes of one kind of transport. One shared object per kind. */
export interface FrameEncoder {
  /** The bytes of one payload (the JSON text of a frame). Called once per event, not once per socket. */
  encode(payload: string): Buffer;
  /** The payloads of bytes that it has made, of one or of several joined ones. */
  payloads(bytes: Buffer): readonly string[];
  /** True: frames of events carry their position (SPEC 13.7). */
  readonly positions?: true;
}

/** Kind of a transport, as metrics name it. */
export type TransportName = 'websocket' | 'xhr_streaming' | 'xhr_polling';

/** Connection of one client, as its transport offers it to the core. No member may throw. */
export interface Socket {
  readonly transport: TransportName;
  readonly encoder: FrameEncoder;
  readonly remoteAddress: string;
  readonly secure: boolean;
  /** Bytes accepted by `write` that the network has not taken yet; a write that is under way may count as a whole. */
  readonly bufferedBytes: number;
  /** The same bytes, without the rest of the largest frame among them. */
  readonly bytesBeyondLargestFrame: number;
  /** Bytes that the network has taken since the socket opened. */
  readonly flushedBytes: number;
  /** True while the client has nothing on which it could receive; its transport ends it when this lasts. Not given: never. */
  readonly isAway?: boolean;
  /** Writes bytes made by this socket's `encoder`, in order; a socket that is closing drops them. */
  write(bytes: Buffer): void;
  /** Calls back once, when the network has taken everything that was written before, or the socket is gone. */
  whenFlushed(done: () => void): void;
  /** Closes with a code, after everything that was written before. */
  close(code: number, reason: string): void;
  /** Ends the socket at once, without a close frame: for peers that do not read. The session's `closed` is called after this call has returned. */
  terminate(): void;
  /**
   * Pings the client by a control frame or heartbeat. `receipt`: a number that is reported back when the client has proved that
   * it has taken everything that was written before (SPEC 13.3); one at a time.
   */
  ping(receipt?: number): void;
  /** True while reading is stopped, for any reason. */
  readonly readingStopped: boolean;
  /** Stops reading from the client until the same reason is withdrawn. A socket that is closing reads on, and drops. */
  stopReading(reason: StopReason): void;
  /** Withdraws one reason; reading continues when no other is left. */
  resumeReading(reason: StopReason): void;
}

export interface Handshake {
  readonly appKey: string;
  readonly protocol: string | undefined;
  readonly origin: string | undefined;
  /** Id of the client's tab (SPEC 13.2). */
  readonly tab?: string | undefined;
  /** A probe that proved the app's secret: it measures the server, and no limit or count of clients includes it. */
  readonly isProbe?: boolean;
  /** Called with true when the client is admitted, with false when a fault of this server prevents it; not when it is refused. */
  readonly decided?: (isAdmitted: boolean) => void;
}

/** The core's end of a socket: the three things that a transport must report. No member throws. */
export interface Session {
  /** Takes one whole message in UTF-8. A message that is not UTF-8 is passed as an empty one, which is malformed too. */
  received(message: Buffer): void;
  /** A sign of life arrived, such as a control frame or a heartbeat. `receipt`: the number of the ping that it answers. */
  alive(receipt?: number): void;
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
