import type { ServerFrame } from '../../client/server-frame.ts';

/** Called with `true` on the pong, before any later frame is received; with `false` when the connection is lost. */
export type Pong = (isAlive: boolean) => void;

/** One connection to the upstream. It reconnects until it is closed. */
export interface UpstreamLink {
  readonly isOpen: boolean;
  /** '' while it is not open. */
  readonly socketId: string;
  open(): void;
  close(): void;
  /** False when it was not sent. */
  send(event: string, data: object, channel?: string): boolean;
  /** Sends a frame that is written already; false when it was not sent. */
  sendText(text: string): boolean;
  ping(pong: Pong): void;
  /** Resolves when everything that the upstream had sent before its pong has been received. */
  barrier(): Promise<boolean>;
}

/** Receives what happens to a connection. No member may throw. */
export interface LinkListener {
  opened(): void;
  frame(frame: ServerFrame): void;
  /** The open connection is lost; it reconnects. */
  lost(): void;
  /** The connection could not be opened, or was refused. */
  failed(reason: string): void;
}

/** Opens a connection. `acquire` resolves when it may connect, with what is called when it has. */
export type OpenLink = (listener: LinkListener, acquire?: () => Promise<() => void>) => UpstreamLink;
