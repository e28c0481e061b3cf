import type { Connection, ConnectionFrames, OutboundRule } from '../../client/connection.ts';
import type { FrameNote } from './frame-note.ts';

/** Frames of a connection that are kept; the oldest are forgotten. */
export const MAX_FRAMES = 50;
/** Connections whose frames are noted at the same time on one process; a further one ends the one that was looked at longest ago. */
export const MAX_WATCHED = 20;
/** Time after the last look until frames are noted no more. */
export const WATCH_MS = 30_000;
const MAX_EVENT_CHARS = 200;

/** The last frames of one connection, while somebody looks at it. */
export class FrameLog implements ConnectionFrames {
  /** Each write is passed to `check`. */
  readonly leastBytes = -1;
  readonly sinceMs: number;
  readonly rule: OutboundRule;
  readonly #clock: () => number;
  #notes: FrameNote[] = [];

  /** `rule`: the one of the connection, which still applies. */
  constructor(rule: OutboundRule, clock: () => number) {
    this.rule = rule;
    this.#clock = clock;
    this.sinceMs = clock();
  }

  get notes(): readonly FrameNote[] {
    return this.#notes;
  }

  received(message: Buffer): void {
    this.#note('in', message.toString(), message.length);
  }

  check(connection: Connection, written: Buffer): void {
    for (const payload of connection.socket.encoder.payloads(written))
      this.#note('out', payload, Buffer.byteLength(payload));
    if (connection.socket.bufferedBytes > this.rule.leastBytes) this.rule.check(connection, written);
  }

  #note(direction: FrameNote['direction'], payload: string, bytes: number): void {
    this.#notes.push({ atMs: this.#clock(), direction, event: eventIn(payload), bytes });
    if (this.#notes.length > MAX_FRAMES) this.#notes.shift();
  }
}

/** Name of the event of a frame; what clients send may be anything. */
function eventIn(payload: string): string {
  const [, name] =
    /^\s*\{\s*"event"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(payload.slice(0, 8 * MAX_EVENT_CHARS)) ?? [];
  try {
    return name === undefined ? '' : String(JSON.parse(name)).slice(0, MAX_EVENT_CHARS);
  } catch {
    return '';
  }
}

interface Watched {
  readonly log: FrameLog;
  readonly lookedAtMs: number;
}

/** Notes the frames of the connections that somebody looks at. Other connections are as they are without it. */
export class FrameWatch {
  readonly #clock: () => number;
  /** By the time of the last look. */
  readonly #watched = new Map<Connection, Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Frames since somebody began to look, which is now if nobody did. */
  look(connection: Connection): FrameLog {
    const { log } = this.#watched.get(connection) ?? this.#begin(connection);
    this.#watched.delete(connection);
    this.#watched.set(connection, { log, lookedAtMs: this.#clock() });
    for (const [oldest] of this.#watched) {
      if (this.#watched.size <= MAX_WATCHED) break;
      this.#end(oldest);
    }
    this.#timer ??= setInterval(() => this.endUnwatched(), WATCH_MS / 4).unref();
    return log;
  }

  /** Called while there are any. */
  endUnwatched(): void {
    const longAgoMs = this.#clock() - WATCH_MS;
    for (const [connection, { lookedAtMs }] of this.#watched)
      if (lookedAtMs <= longAgoMs) this.#end(connection);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #begin(connection: Connection): Watched {
    const log = new FrameLog(connection.outbound, this.#clock);
    connection.outbound = log;
    connection.frames = log;
    return { log, lookedAtMs: 0 };
  }

  #end(connection: Connection): void {
    const log = this.#watched.get(connection)?.log;
    if (log !== undefined) connection.outbound = log.rule;
    connection.frames = undefined;
    this.#watched.delete(connection);
  }
}
