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
  /** Recognises equal events; `undefined`: it is no event. */
  readonly key: string | undefined;
  /** Workers whose deliveries are in the sum. */
  readonly deliveredBy: Set<number>;
  sockets: number;
  /** True once the line of the worker that took the event is there. */
  isPublished: boolean;
}

/** Equal events that are held, the oldest first, with the first place that may lack a publish or the line of a worker. */
interface EqualEvents {
  held: Held[];
  unpublished: number;
  readonly undelivered: Map<number, number>;
}

/**
 * Joins the lines of an event, that of its publish and those of its deliveries on each worker, into one with the number of
 * sockets that got it. An event without a publish here came from another node.
 */
export class LiveView {
  #held: Held[] = [];
  readonly #byEvent = new Map<string, EqualEvents>();

  add(lines: readonly WorkerLine[]): void {
    for (const line of lines) {
      if (line.type === 'published') this.#published(line);
      else if (line.type === 'delivered') this.#delivered(line);
      else if (line.type === 'member_added' || line.type === 'member_removed') this.#changed(line);
      else this.#hold(line, undefined);
    }
    if (this.#held.length > MAX_HELD) this.take(Infinity);
  }

  /** Returns the lines that were held for long enough, in the order of their time. */
  take(nowMs: number): LiveLine[] {
    const isDue = ({ line }: Held): boolean => line.atMs <= nowMs - HOLD_MS;
    const due = this.#held.filter(isDue);
    if (due.length === 0) return [];
    this.#held = this.#held.filter((held) => !isDue(held));
    for (const key of new Set(due.map(({ key }) => key))) {
      const equal = key === undefined ? undefined : this.#byEvent.get(key);
      if (key === undefined || equal === undefined) continue;
      equal.held = equal.held.filter((held) => !isDue(held));
      equal.unpublished = 0;
      equal.undelivered.clear();
      if (equal.held.length === 0) this.#byEvent.delete(key);
    }
    return due.sort((one, other) => one.line.atMs - other.line.atMs).map(shown);
  }

  #published(line: WorkerLine): void {
    const key = eventOf(line);
    const equal = this.#byEvent.get(key);
    while (equal?.held[equal.unpublished]?.isPublished === true) equal.unpublished += 1;
    const early = equal?.held[equal.unpublished];
    if (early === undefined) return void (this.#hold(line, key).isPublished = true);
    early.line = line;
    early.isPublished = true;
  }

  #delivered(line: WorkerLine): void {
    const key = eventOf(line);
    const same = this.#lacking(key, line.pid);
    const held = same ?? this.#hold({ ...line, type: 'published', source: 'another node' }, key);
    held.deliveredBy.add(line.pid);
    held.sockets += Number(line.sockets ?? 0);
  }

  /** Each process with subscribers notes the change of a member: the first line of them is shown. */
  #changed(line: WorkerLine): void {
    const key = eventOf(line);
    (this.#lacking(key, line.pid) ?? this.#hold(line, key)).deliveredBy.add(line.pid);
  }

  /** The oldest of the equal events that has no line of this worker yet. */
  #lacking(key: string, pid: number): Held | undefined {
    const equal = this.#byEvent.get(key);
    if (equal === undefined) return undefined;
    let at = equal.undelivered.get(pid) ?? 0;
    while (equal.held[at]?.deliveredBy.has(pid) === true) at += 1;
    equal.undelivered.set(pid, at);
    return equal.held[at];
  }

  #hold(line: WorkerLine, key: string | undefined): Held {
    const held = { line, key, deliveredBy: new Set<number>(), sockets: 0, isPublished: false };
    this.#held.push(held);
    if (key === undefined) return held;
    const equal = this.#byEvent.get(key);
    if (equal === undefined) this.#byEvent.set(key, { held: [held], unpublished: 0, undelivered: new Map() });
    else equal.held.push(held);
    return held;
  }
}

/** An id of an app may have spaces: its length comes first. A channel and a digest have none. */
const eventOf = ({ type, app = '', channel, digest }: LiveLine): string =>
  `${type === 'delivered' ? 'published' : type} ${app.length} ${app} ${channel} ${digest}`;

function shown({ line, sockets }: Held): LiveLine {
  const hidden = { ...line, digest: undefined };
  return line.type === 'published' ? { ...hidden, sockets } : hidden;
}
