import { randomUUID } from 'node:crypto';
import type { LiveCursor, LiveFeed, LiveRead } from '../../core/live/feed.ts';
import type { LiveFilter, LiveLine } from '../../core/live/line.ts';
import type { WorkerGroup } from '../worker-group.ts';
import { LiveView, type WorkerLine } from './live-view.ts';

const LIVE_REQUEST = 'live';

/** Read of a viewer, as each worker gets it. */
interface LiveRequest {
  readonly viewer: string;
  readonly filter: LiveFilter;
  /** By process: where the last read ended. */
  readonly cursors: Readonly<Record<string, LiveCursor>>;
}

interface WorkerRead extends LiveRead {
  readonly pid: number;
}

/** The live feed of all workers of this server. */
export class LiveSource {
  readonly #feed: LiveFeed;
  readonly #workers: WorkerGroup | undefined;
  readonly isOpen: () => boolean;

  /** `isOpen`: false when this process stops. */
  constructor(feed: LiveFeed, workers: WorkerGroup | undefined, isOpen: () => boolean) {
    this.#feed = feed;
    this.#workers = workers;
    this.isOpen = isOpen;
    workers?.onRequest(LIVE_REQUEST, (request) => this.#readOwn(request as LiveRequest));
  }

  /** Begins to watch: lines are those from the first read on. */
  open(filter: LiveFilter): { read(): Promise<{ lines: readonly LiveLine[]; leftOut: number }> } {
    const viewer = randomUUID();
    const view = new LiveView();
    const cursors: Record<string, LiveCursor> = {};
    const read = async () => {
      const reads = await this.#readAll({ viewer, filter, cursors });
      for (const { pid, cursor } of reads) cursors[pid] = cursor;
      view.add(reads.flatMap(linesOf).sort((one, other) => one.atMs - other.atMs));
      return { lines: view.take(Date.now()), leftOut: reads.reduce((sum, { leftOut }) => sum + leftOut, 0) };
    };
    return { read };
  }

  async #readAll(request: LiveRequest): Promise<readonly WorkerRead[]> {
    if (this.#workers === undefined) return [this.#readOwn(request)];
    return (await this.#workers.requestAll(LIVE_REQUEST, request)) as readonly WorkerRead[];
  }

  #readOwn({ viewer, filter, cursors }: LiveRequest): WorkerRead {
    return { pid: process.pid, ...this.#feed.read(viewer, filter, cursors[process.pid]) };
  }
}

const linesOf = ({ pid, lines }: WorkerRead): WorkerLine[] => lines.map((line) => ({ ...line, pid }));
