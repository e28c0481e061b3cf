import type { LiveLine } from '../../core/live/line.ts';

/**
 * Time for which a line is held: the deliveries of an event arrive from several workers, each a little later. Longer than
 * two reads of the viewer.
 */
export const HOLD_MS = 700;
const MAX_HELD = 20_000;

/** A line of one worker process. */
export interface WorkerLine extends LiveLine {
  readonly pid: number;
}

interface Held {
  line: WorkerLine;
  /** Workers whose deliveries are in the sum. */
  readonly deliveredBy: Set<number>;
  sockets: number;
  /** True once the line of the worker that took the event is there. */
  isPublished: boolean;
}

/**
 * Joins the lines of an event, that of its publish and those of its deliveries on each worker, into one with the number of
 * sockets that got it. An event without a publish here came from another node.
 */
export class LiveView {
  #held: Held[] = [];
  readonly #byEvent = new Map<string, Held[]>();

  add(lines: readonly WorkerLine[]): void {
    for (const line of lines) {
      if (line.type === 'published') this.#published(line);
      else if (line.type === 'delivered') this.#delivered(line);
      else if (line.type === 'member_added' || line.type === 'member_removed') this.#changed(line);
      else this.#hold(line);
    }
    if (this.#held.length > MAX_HELD) this.take(Infinity);
  }

  /** Returns the lines that were held for long enough, in the order of their time. */
  take(nowMs: number): LiveLine[] {
    const isDue = ({ line }: Held): boolean => line.atMs <= nowMs - HOLD_MS;
    const due = this.#held.filter(isDue);
    if (due.length === 0) return [];
    this.#held = this.#held.filter((held) => !isDue(held));
    this.#byEvent.clear();
    for (const held of this.#held) this.#index(held);
    return due.sort((one, other) => one.line.atMs - other.line.atMs).map(shown);
  }

  #published(line: WorkerLine): void {
    const early = this.#byEvent.get(eventOf(line))?.find(({ isPublished }) => !isPublished);
    if (early === undefined) return void (this.#hold(line).isPublished = true);
    early.line = line;
    early.isPublished = true;
  }

  #delivered(line: WorkerLine): void {
    const same = this.#byEvent.get(eventOf(line))?.find(({ deliveredBy }) => !deliveredBy.has(line.pid));
    const held = same ?? this.#hold({ ...line, type: 'published', source: 'another node' });
    held.deliveredBy.add(line.pid);
    held.sockets += Number(line.sockets ?? 0);
  }

  /** Each process with subscribers notes the change of a member: the first line of them is shown. */
  #changed(line: WorkerLine): void {
    const same = this.#byEvent.get(eventOf(line))?.find(({ deliveredBy }) => !deliveredBy.has(line.pid));
    (same ?? this.#hold(line)).deliveredBy.add(line.pid);
  }

  #hold(line: WorkerLine): Held {
    const held = { line, deliveredBy: new Set<number>(), sockets: 0, isPublished: false };
    this.#held.push(held);
    this.#index(held);
    return held;
  }

  #index(held: Held): void {
    if (held.line.digest === undefined) return;
    const event = eventOf(held.line);
    const same = this.#byEvent.get(event);
    if (same === undefined) this.#byEvent.set(event, [held]);
    else same.push(held);
  }
}

const eventOf = ({ type, app, channel, digest }: LiveLine): string =>
  JSON.stringify([type === 'delivered' ? 'published' : type, app, channel, digest]);

function shown({ line, sockets }: Held): LiveLine {
  const hidden = { ...line, digest: undefined };
  return line.type === 'published' ? { ...hidden, sockets } : hidden;
}
