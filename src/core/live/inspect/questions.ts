import type { FrameNote } from './frame-note.ts';

/** Names of one answer; one more tells that there are more. */
export const MAX_ROWS = 50;
/** Connections of a channel or of a user that one process lists. */
export const MAX_LISTED = 20;
/** Channel names of a connection that are listed. */
export const MAX_NAMES = 100;

/**
 * Question to each process about what it holds of an app. `name`: the text that is searched for (`channels`, `users`), else the
 * channel, the user or the socket id. `reconnect` and `end` close the connection.
 */
export interface ViewQuestion {
  readonly view: 'channels' | 'users' | 'channel' | 'user' | 'connection' | 'reconnect' | 'end';
  readonly app: string;
  readonly name: string;
  /** Searches: names after this one, in the order of their code units. */
  readonly after?: string | undefined;
}

/** A process, as operators find it. */
export interface ProcessName {
  /** Drawn at its start. */
  readonly process: string;
  /** Its name in the cluster; `undefined`: there is none. */
  readonly node?: string | undefined;
  readonly host: string;
  readonly pid: number;
}

/** A channel with its subscribers here, or a user with its connections here. */
export interface NameCount {
  readonly name: string;
  readonly count: number;
}

/** A connection in a list. */
export interface ConnectionRow {
  readonly socket: string;
  readonly address: string;
  readonly transport: string;
  readonly user?: string | undefined;
  readonly channels: number;
  readonly openedAtMs: number;
}

/** Limits that apply to a connection; 0: there is none. */
export interface ShownLimits {
  readonly subscriptionsPerSocket: number;
  readonly messageBytes: number;
  readonly messagesPerSecond: number;
  readonly messageBurst: number;
  readonly clientEventsPerSecond: number;
  /** Waiting bytes from which it is not read, and from which it is ended. */
  readonly softBytes: number;
  readonly hardBytes: number;
}

/** A connection that is open. */
export interface OpenConnection extends ConnectionRow {
  readonly secure: boolean;
  readonly seenAtMs: number;
  readonly names: readonly string[];
  readonly waitingBytes: number;
  readonly sentBytes: number;
  /** Its messages wait because it sends too many (SPEC 2.12), or because it reads too slowly (SPEC 2.16). */
  readonly isOverRate: boolean;
  readonly isSlowReader: boolean;
  /** A ping of this server waits for its answer. */
  readonly isPinged: boolean;
  readonly limits: ShownLimits;
  /** Begins with the first look; the newest last. */
  readonly frames: readonly FrameNote[];
  readonly framesSinceMs: number;
}

/** A connection that has just closed. */
export interface ClosedConnection extends ConnectionRow {
  readonly closedAtMs: number;
  readonly code: number;
  readonly cause: string;
  /** With which this server closed it. */
  readonly message?: string | undefined;
  readonly frames: readonly FrameNote[];
}

/** Answer of one process; which fields it has depends on the question. */
export interface ViewAnswer extends ProcessName {
  readonly rows?: readonly NameCount[] | undefined;
  /** More than could be searched. */
  readonly isCut?: boolean | undefined;
  readonly count?: number | undefined;
  readonly connections?: readonly ConnectionRow[] | undefined;
  readonly open?: OpenConnection | undefined;
  readonly closed?: ClosedConnection | undefined;
  /** The connection was here, and is being closed. */
  readonly isDone?: boolean | undefined;
}
