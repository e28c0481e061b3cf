import type { ReadStream, WriteStream } from 'node:tty';

/** Time between two drawings. */
const DRAW_MS = 200;

/** Codes of a terminal: another screen, no cursor, no line that continues below, and each back. */
const ENTER = '\u001B[?1049h\u001B[?25l\u001B[?7l';
const LEAVE = '\u001B[?7h\u001B[?25h\u001B[?1049l';
const HOME = '\u001B[H';
const END_OF_LINE = '\u001B[K';
const END_OF_SCREEN = '\u001B[J';

const CTRL_C = '\u0003';

interface TerminalOptions {
  readonly output: WriteStream;
  /** `undefined`: no key can be pressed. */
  readonly input: ReadStream | undefined;
  /** Lines that fit into so many rows. */
  readonly lines: (rows: number) => readonly string[];
  /** Ctrl-C is one, as `q`. */
  readonly onKey: (key: string) => void;
}

/** A screen of its own in a terminal, which is drawn in place. The terminal is as before once it is closed, or the process ends. */
export class Terminal {
  readonly #options: TerminalOptions;
  readonly #close = (): void => this.close();
  readonly #draw = (): void => this.#write();
  readonly #read = (chunk: Buffer): void => this.#keys(chunk.toString());
  #timer: NodeJS.Timeout | undefined;
  #isOpen = true;

  constructor(options: TerminalOptions) {
    this.#options = options;
    const { output, input } = options;
    output.write(ENTER);
    output.on('resize', this.#draw);
    input?.setRawMode(true);
    input?.on('data', this.#read);
    process.on('exit', this.#close);
    this.draw();
  }

  /** Draws soon: at most five times a second. */
  draw(): void {
    if (!this.#isOpen) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#write();
    }, DRAW_MS);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    clearTimeout(this.#timer);
    const { output, input } = this.#options;
    process.off('exit', this.#close);
    output.off('resize', this.#draw);
    input?.off('data', this.#read);
    input?.setRawMode(false);
    input?.pause();
    output.write(LEAVE);
  }

  #write(): void {
    if (!this.#isOpen) return;
    const { output, lines } = this.#options;
    // A terminal of unknown size has 0.
    const [rows, columns] = [output.rows || 24, output.columns || 80];
    const drawn = lines(rows)
      .slice(0, rows)
      .map((line) => cut(line, columns) + END_OF_LINE);
    output.write(HOME + drawn.join('\r\n') + END_OF_SCREEN);
  }

  #keys(text: string): void {
    for (const key of text) this.#options.onKey(key === CTRL_C ? 'q' : key.toLowerCase());
  }
}

/** Cuts a line to so many characters; the codes of its colours do not count, and are kept. */
export function cut(line: string, width: number): string {
  let left = width;
  return line.replace(/\u001B\[[\d;]*m|./gsu, (part) => {
    if (part.startsWith('\u001B[')) return part;
    left -= 1;
    return left < 0 ? '' : part;
  });
}
