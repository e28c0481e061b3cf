import { bold, clockTime, counted, red, shown } from '../client/output.ts';
import type { LiveFlags } from '../client/live-feed.ts';
import type { Figures } from './figures.ts';
import { figureLines, headLine } from './table.ts';

/** Lines that are kept; a terminal has fewer rows. */
export const MAX_LINES = 500;
/** Rows that lines have at least, however long the table is. */
const LEAST_LINE_ROWS = 5;
const HELP = 'q quit   p pause   c clear';

/** All that is shown: the figures, and the last lines. */
export class Screen {
  figures: Figures | undefined;
  /** Unix time since when the server does not answer. */
  awaySinceMs: number | undefined;
  readonly #filter: string;
  #lines: string[] = [];
  /** Lines that came during the pause; `undefined`: there is none. */
  #missed: number | undefined;

  constructor({ app, channel, event }: LiveFlags) {
    const filters = Object.entries({ app, channel, event }).filter(([, value]) => value !== undefined);
    this.#filter = filters.map(([name, value]) => `${name} ${shown(value)}`).join('   ');
  }

  add(line: string): void {
    if (this.#missed !== undefined) this.#missed += 1;
    else if (this.#lines.push(line) >= 2 * MAX_LINES) this.#lines = this.#lines.slice(-MAX_LINES);
  }

  pause(): void {
    this.#missed = this.#missed === undefined ? 0 : undefined;
  }

  clear(): void {
    this.#lines = [];
  }

  /** Lines for a terminal of so many rows: the table, and below it the newest lines. */
  rows(count: number): string[] {
    const table = this.#table().slice(0, Math.max(1, count - LEAST_LINE_ROWS - 2));
    const room = Math.max(0, count - table.length - 2);
    const lines = room === 0 ? [] : this.#lines.slice(-room);
    const empty = Array.from({ length: room - lines.length }, () => '');
    return [...table, bold(this.#middle()), ...lines, ...empty, HELP];
  }

  #table(): string[] {
    const { figures, awaySinceMs } = this;
    const away =
      awaySinceMs === undefined
        ? []
        : [red(`The server does not answer since ${clockTime(awaySinceMs)}. Trying again…`)];
    if (figures === undefined) return away.length > 0 ? away : ['Reading…'];
    return [headLine(figures), ...away, '', ...figureLines(figures)];
  }

  #middle(): string {
    const state = this.#missed === undefined ? 'live' : `paused: ${counted(this.#missed, 'line')} passed`;
    return ['', `-- ${state}`, this.#filter, '--'].filter((part) => part !== '').join('   ');
  }
}
