/** `wavehall watch`: the figures of a running server, and what happens on it, until `q`, Ctrl-C or a signal. */
import { once } from 'node:events';
import { sleep } from '../../core/util/time.ts';
import type { AdminAddress } from '../admin-client.ts';
import { endAfter, followLive, livePath } from '../client/live-feed.ts';
import { type LiveLine, liveLineText } from '../client/live-line.ts';
import { adminAddress } from '../client/options.ts';
import { clockTime } from '../client/output.ts';
import type { WatchFlags } from '../commands/events/watch.ts';
import { type Figures, FiguresReader } from './figures.ts';
import { Screen } from './screen.ts';
import { summaryLine } from './table.ts';
import { Terminal } from './terminal.ts';

const POLL_MS = 2000;

/** Receives all that happens, for a terminal or for a reader of lines. */
interface View {
  line(text: string): void;
  /** A line of this command itself. */
  note(text: string): void;
  figures(figures: Figures): void;
  away(sinceMs: number): void;
  close(): void;
}

/** Shows the server until it is ended. Rejects when the server cannot be reached at first, or refuses. */
export async function watch(flags: WatchFlags): Promise<void> {
  const admin = adminAddress(flags);
  const end = endAfter(flags.seconds);
  const reader = new FiguresReader(admin, flags.app);
  // Before the screen is opened: what is wrong with the address or the token is one sentence.
  const first = await reader.read();
  const stop = (): void => end.abort();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.once(signal, stop);
  process.stdout.on('error', stop);
  const view = viewFor(flags, stop);
  try {
    view.figures(first);
    const reading = [pollFigures(reader, view, end.signal), followLines(admin, flags, view, end.signal)];
    await Promise.race([Promise.all(reading), once(end.signal, 'abort')]);
  } finally {
    end.abort();
    view.close();
    for (const signal of signals) process.off(signal, stop);
  }
  // A request to a server that does not answer would keep the process running.
  if (process.stdout.isTTY) process.exit();
}

function viewFor(flags: WatchFlags, stop: () => void): View {
  if (flags.json === true) return jsonView();
  return process.stdout.isTTY ? terminalView(flags, stop) : textView();
}

async function pollFigures(reader: FiguresReader, view: View, ended: AbortSignal): Promise<void> {
  let awaySinceMs: number | undefined;
  const hasEnded = (): boolean => ended.aborted;
  while (!hasEnded()) {
    await sleep(POLL_MS, ended);
    if (hasEnded()) return;
    try {
      const figures = await reader.read();
      if (awaySinceMs !== undefined) view.note('the server answers again');
      awaySinceMs = undefined;
      view.figures(figures);
    } catch {
      if (awaySinceMs === undefined) view.note('the server does not answer');
      awaySinceMs ??= Date.now();
      view.away(awaySinceMs);
    }
  }
}

const followLines = (admin: AdminAddress, flags: WatchFlags, view: View, ended: AbortSignal): Promise<void> =>
  followLive(
    admin,
    livePath(flags),
    {
      onLine: (line) => view.line(line),
      onEnd: () => view.note('the stream ended, it is opened again'),
      patienceMs: Infinity,
    },
    ended,
  );

/** The text of a line of the feed. */
const textOf = (line: string): string => liveLineText(JSON.parse(line) as LiveLine);

const noteOf = (text: string): string => `${clockTime(Date.now())}  ${'wavehall'.padEnd(13)} ${text}`;

function terminalView(flags: WatchFlags, stop: () => void): View {
  const screen = new Screen(flags);
  const onKey = (key: string): void => {
    if (key === 'q') stop();
    if (key === 'p' || key === ' ') screen.pause();
    if (key === 'c') screen.clear();
    terminal.draw();
  };
  const { stdin: input, stdout: output } = process;
  const terminal = new Terminal({
    ...{ output, onKey },
    input: input.isTTY ? input : undefined,
    lines: (rows) => screen.rows(rows),
  });
  const drawing =
    <T>(act: (given: T) => void) =>
    (given: T): void => {
      act(given);
      terminal.draw();
    };
  return {
    line: drawing((line) => screen.add(textOf(line))),
    note: drawing((text) => screen.add(noteOf(text))),
    figures: drawing((figures) => Object.assign(screen, { figures, awaySinceMs: undefined })),
    away: drawing((sinceMs) => void (screen.awaySinceMs = sinceMs)),
    close: () => terminal.close(),
  };
}

const write = (text: string): void => void process.stdout.write(`${text}\n`);
const warn = (text: string): void => void process.stderr.write(`wavehall: ${text}\n`);

/** Lines alone: the figures are one each time that they have changed. */
const textView = (): View => ({
  line: (line) => write(textOf(line)),
  note: warn,
  figures: onceEach((figures) =>
    write(`${clockTime(Date.now())}  ${'figures'.padEnd(13)} ${summaryLine(figures)}`),
  ),
  away: () => undefined,
  close: () => undefined,
});

const jsonView = (): View => ({
  line: write,
  note: warn,
  figures: onceEach((figures) => write(JSON.stringify({ atMs: Date.now(), type: 'figures', ...figures }))),
  away: () => undefined,
  close: () => undefined,
});

/** Calls only for the first figures, and for those of another step of the history. */
function onceEach(act: (figures: Figures) => void): View['figures'] {
  let last: number | undefined | null = null;
  return (figures) => {
    const untilMs = figures.traffic?.untilMs;
    if (untilMs !== last) act(figures);
    last = untilMs;
  };
}
