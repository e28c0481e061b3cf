import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A fenced shell block of a page, as it is printed. */
export interface ShellBlock {
  readonly page: string;
  /** Line of the page on which the block begins. */
  readonly line: number;
  readonly text: string;
  /** Why the test leaves it out: the comment `<!-- not run: … -->` above it. */
  readonly notRun: string | undefined;
}

const SHELL = /^(?:```|~~~)(?:sh|bash|shell|console|zsh)\b/;
const NOT_RUN = /^<!-- not run: (.+) -->$/;

/** Every page that a reader meets: those that git knows, without what other projects wrote. */
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
    const above = lines.slice(0, at).findLast((each) => each.trim() !== '') ?? '';
    blocks.push({
      page,
      line: at + 1,
      text: lines.slice(at + 1, end).join('\n'),
      notRun: NOT_RUN.exec(above)?.[1],
    });
  });
  return blocks;
}
