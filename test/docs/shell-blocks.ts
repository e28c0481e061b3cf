import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A fenced shell block of a page, as printed, with the marks above it (see README.md in this folder). */
export interface ShellBlock {
  readonly page: string;
  /** Line of the page on which the block begins. */
  readonly line: number;
  readonly text: string;
  /** Reason why it is not run: `<!-- not run: … -->`. */
  readonly notRun: string | undefined;
  /** Command of a server that the page assumes to be running: `<!-- beside: … -->`. */
  readonly beside: string | undefined;
  /** Channels on which the reader's app publishes while it runs: `<!-- the app publishes on: … -->`. */
  readonly publishing: readonly string[];
}

const SHELL = /^(?:```|~~~)(?:sh|bash|shell|console|zsh)\b/;
const MARK = /^<!-- (not run|beside|the app publishes on): (.+) -->$/;

/** All pages of the project: the Markdown files in git. */
export const pages = (): string[] =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((page) => page !== '');

/** The shell blocks of a page, in their order. */
export function shellBlocksOf(page: string): ShellBlock[] {
  const lines = readFileSync(`${ROOT}${page}`, 'utf8').split('\n');
  const blocks: ShellBlock[] = [];
  lines.forEach((line, at) => {
    if (!SHELL.test(line)) return;
    const end = lines.indexOf(line.slice(0, 3), at + 1);
    const marks = marksAbove(lines.slice(0, at));
    blocks.push({
      page,
      line: at + 1,
      text: lines.slice(at + 1, end).join('\n'),
      notRun: marks['not run'],
      beside: marks.beside,
      publishing: marks['the app publishes on']?.split(', ') ?? [],
    });
  });
  return blocks;
}

function marksAbove(lines: readonly string[]): Readonly<Record<string, string | undefined>> {
  const written = lines.filter((line) => line.trim() !== '').toReversed();
  const others = written.findIndex((line) => !MARK.test(line));
  const marks = written.slice(0, others === -1 ? undefined : others).map((line) => MARK.exec(line) ?? []);
  return Object.fromEntries(marks.map(([, name = '', text]) => [name, text]));
}

/** First line of a block, its name in the list of blocks that are not run. */
export const firstLine = ({ text }: ShellBlock): string => text.split('\n')[0] ?? '';

/** A block without the comments at the ends of its lines. */
export const commandsOf = (text: string): string =>
  text
    .replaceAll(/(?:^|[ \t]+)#.*$/gm, '')
    .replaceAll(/\n{2,}/g, '\n')
    .trim();
