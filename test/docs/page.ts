/** Parser of a page without its fenced blocks: inline code, links, and anchors of headings. */
import { readFileSync } from 'node:fs';
import { ROOT } from './shell-blocks.ts';

export interface Span {
  readonly page: string;
  readonly line: number;
  readonly text: string;
}

const FENCE = /^ {0,3}(```|~~~)/;
const CODE = /(?<!`)(`+)(?!`)([^]+?)(?<!`)\1(?!`)/g;
/** Command in a comment, up to the end of its sentence or parenthesis. */
const COMMENTED =
  /(?<=^#.*[\s(])((?:wavehall|npm|npx|php|composer|docker|curl) .+?)(?=[;,)]|\.?(?: \[.*)?$|\. )/g;
const LINK = /\]\(([^)\s]+)\)|^\[[^\]]+\]:\s+(\S+)|\bhref="([^"]+)"/gm;

export const textOf = (page: string): string => readFileSync(ROOT + page, 'utf8');

/** The text with fenced blocks replaced by empty lines, so that line numbers remain the same. */
function prose(text: string): string {
  let fence: string | undefined;
  return text
    .split('\n')
    .map((line) => {
      const [, mark] = FENCE.exec(line) ?? [];
      const wasInside = fence !== undefined;
      if (mark !== undefined && (fence ?? mark) === mark) fence = wasInside ? undefined : mark;
      return wasInside || mark !== undefined ? '' : line;
    })
    .join('\n');
}

const lineAt = (text: string, index: number): number => text.slice(0, index).split('\n').length;

/** All texts between backticks. */
export const codeIn = (text: string): string[] => [...text.matchAll(CODE)].map(read);

const read = (match: RegExpExecArray): string =>
  (match[2] ?? '').replaceAll(/\s+/g, ' ').replaceAll('\\|', '|').trim();

/** Inline code of a page; line breaks in it become spaces. */
export function inlineCodeOf(page: string): Span[] {
  const text = prose(textOf(page));
  return [...text.matchAll(CODE)].map((match) => ({
    page,
    line: lineAt(text, match.index),
    text: read(match),
  }));
}

/** Commands in the comments of an `.env` example, which has no backticks. */
export const commentedCommandsOf = (page: string): Span[] =>
  textOf(page)
    .split('\n')
    .flatMap((line, at) =>
      [...line.matchAll(COMMENTED)].map(([, text = '']) => ({ page, line: at + 1, text })),
    );

/** Targets of the links of a page. */
export function linksOf(page: string): Span[] {
  const text = prose(textOf(page)).replaceAll(CODE, (code) => code.replaceAll(/[^\n]/g, '`'));
  return [...text.matchAll(LINK)].map((match) => ({
    page,
    line: lineAt(text, match.index),
    text: match[1] ?? match[2] ?? match[3] ?? '',
  }));
}

/** The anchors that GitHub gives to the headings of a page. */
export function anchorsOf(page: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = [...prose(textOf(page)).matchAll(/^#{1,6} +(.+?) *#*$/gm)].map(([, heading = '']) => {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-');
    const before = seen.get(slug) ?? 0;
    seen.set(slug, before + 1);
    return before === 0 ? slug : `${slug}-${before}`;
  });
  return new Set(anchors);
}
