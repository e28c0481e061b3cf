import { readFileSync } from 'node:fs';
import { root } from './dockerfile.ts';

/**
 * Lines of docker-compose.yml under `path`, without indentation. Parses only the YAML of this file: block maps,
 * block lists and folded strings. Throws if a key is missing.
 */
function linesUnder(path: readonly string[]): { inline: string; lines: string[] } {
  let lines = readFileSync(`${root}docker-compose.yml`, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.trim().startsWith('#'));
  let inline = '';
  for (const key of path) {
    const at = lines.findIndex((line) => line.startsWith(`${key}:`));
    if (at < 0) throw new Error(`docker-compose.yml has no ${path.join('.')}`);
    inline = (lines[at] ?? '').slice(key.length + 1).trim();
    const after = lines.slice(at + 1);
    const end = after.findIndex((line) => !line.startsWith(' '));
    const inner = end < 0 ? after : after.slice(0, end);
    lines = inner.map((line) => line.slice(2));
  }
  return { inline, lines };
}

/** Scalar at `path`, without quotes. */
export const scalar = (...path: string[]): string => unquoted(linesUnder(path).inline);

const unquoted = (text: string): string => text.replace(/^'(.*)'$/, '$1');

/** Entries of a map of scalars. */
export const entries = (...path: string[]): Record<string, string> =>
  Object.fromEntries(
    linesUnder(path).lines.map((line) => {
      const at = line.indexOf(':');
      return [line.slice(0, at), unquoted(line.slice(at + 1).trim())];
    }),
  );

/** Items of a list of scalars; the lines of a folded string are joined by spaces, as in YAML. */
export function items(...path: string[]): string[] {
  const list: string[] = [];
  for (const line of linesUnder(path).lines) {
    if (line.startsWith('- ')) list.push(line.slice(2).trim());
    else list.push(`${list.pop() ?? ''} ${line.trim()}`);
  }
  return list.map((item) => unquoted(item.replace(/^>- /, '')));
}

/** Text with each `${NAME:-default}` replaced by its default. */
export const withDefaults = (text: string): string =>
  text.replace(/\$\{\w+:-([^}]*)\}/g, (_match, fallback: string) => fallback);
