import type { Position } from '#protocol';

/** A tab of one app (SPEC 13.2). */
export interface TabRef {
  readonly app: string;
  readonly tab: string;
}

/** Where a client continues on a channel. */
export interface ResumePoint {
  /** `undefined`: it is not known, because the store could not be asked. */
  readonly position: Position | undefined;
  /** When it had everything up to the position, in ms since 1970. */
  readonly atMs: number;
  /** True while the client may not have got the first answer to its subscription. */
  readonly isFresh: boolean;
}

/** Record of one socket of a tab. */
export interface TabRecord {
  readonly socketId: string;
  /** Earlier sockets of the tab, the newest last. */
  readonly earlierSocketIds: readonly string[];
  /** When the socket opened, and when something was received from it last, in ms since 1970. */
  readonly openedAtMs: number;
  readonly heardAtMs: number;
  /** When the socket closed, in ms since 1970; `undefined`: it is open, or its node has failed. */
  readonly awaySinceMs: number | undefined;
  /** When it was written, if that was long after the socket closed, in ms since 1970: sockets that opened before do not know it. */
  readonly lateAtMs?: number | undefined;
  /** By channel. */
  readonly points: ReadonlyMap<string, ResumePoint>;
}

/** Keeps the records of tabs for the nodes to which they return. Every method rejects with `Unavailable`. */
export interface TabStore {
  /** False: it ends with this process, so that the records of open sockets need not be kept. A hand-over makes it true. */
  readonly outlivesProcess: boolean;
  read(ref: TabRef): Promise<readonly TabRecord[]>;
  /** Writes the record of a socket in place of its former one; the tab is kept for `ttlMs` from now on. */
  write(ref: TabRef, record: TabRecord, ttlMs: number): Promise<void>;
  remove(ref: TabRef, socketIds: readonly string[]): Promise<void>;
}
