import type { LiveFilter, LiveLine } from '../../core/live/line.ts';
import { sleep } from '../../core/util/time.ts';

const READ_EVERY_MS = 200;
/** An empty line shows that the server is alive. */
const SIGN_OF_LIFE_MS = 5000;
/** Bytes that wait for a viewer; beyond, lines are left out. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** The live feed of this server. */
export interface LiveSource {
  /** False when this process stops: the streams end. */
  isOpen(): boolean;
  open(filter: LiveFilter): LiveReader;
}

interface LiveReader {
  /** Lines since the last read, and the number of those that were left out. */
  read(): Promise<{ readonly lines: readonly LiveLine[]; readonly leftOut: number }>;
}

/** A viewer, however its lines reach it. */
export interface LiveViewer {
  /** Aborted when it has left. */
  readonly gone: AbortSignal;
  /** False: it may not look any more. Asked every few seconds. */
  isAllowed(): Promise<boolean>;
  waitingBytes(): number;
  /** Writes lines, each with its end. */
  write(text: string): void;
}

/** Sends lines to a viewer until it leaves, may not look any more, or this process stops. */
export async function streamTo(viewer: LiveViewer, live: LiveSource, filter: LiveFilter): Promise<void> {
  const reader = live.open(filter);
  let leftOut = 0;
  let wroteMs = performance.now();
  let askedMs = wroteMs;
  while (!viewer.gone.aborted && live.isOpen()) {
    const read = await reader.read();
    leftOut += read.leftOut;
    const isSlow = viewer.waitingBytes() > MAX_WAITING_BYTES;
    if (isSlow) leftOut += read.lines.length;
    else if (read.lines.length > 0 || leftOut > 0 || performance.now() - wroteMs > SIGN_OF_LIFE_MS) {
      viewer.write(textOf(read.lines, leftOut));
      leftOut = 0;
      wroteMs = performance.now();
    }
    if (performance.now() - askedMs > SIGN_OF_LIFE_MS) {
      if (!(await viewer.isAllowed())) return;
      askedMs = performance.now();
    }
    await sleep(READ_EVERY_MS, viewer.gone);
  }
}

const textOf = (lines: readonly LiveLine[], leftOut: number): string =>
  [...lines, ...(leftOut === 0 ? [] : [{ atMs: Date.now(), type: 'left-out', lines: leftOut }])]
    .map((line) => JSON.stringify(line))
    .join('\n') + '\n';
