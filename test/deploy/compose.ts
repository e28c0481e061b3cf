import { readFileSync } from 'node:fs';
import { root } from './dockerfile.ts';

/**
 * The lines of docker-compose.yml below `path`, unindented: enough YAML for this one file, which uses block maps,
 * block lists and folded texts. A key that is missing is an error.
 */
function below(path: readonly string[]): { inline: string; lines: string[] } {
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

/** A scalar, without quotes. */
export const scalar = (...path: string[]): string => unquoted(below(path).inline);

const unquoted = (text: string): string => text.replace(/^'(.*)'$/, '$1');

/** The entries of a map of scalars. */
export const entries = (...path: string[]): Record<string, string> =>
  Object.fromEntries(
    below(path).lines.map((line) => {
      const at = line.indexOf(':');
      return [line.slice(0, at), unquoted(line.slice(at + 1).trim())];
    }),
  );

/** The items of a list of scalars; a folded one is joined by spaces, as YAML does. */
export function items(...path: string[]): string[] {
  const list: string[] = [];
  for (const line of below(path).lines) {
    if (line.startsWith('- ')) list.push(line.slice(2).trim());
    else list.push(`${list.pop() ?? ''} ${line.trim()}`);
  }
  return list.map((item) => unquoted(item.replace(/^>- /, '')));
}

/** Text with each `${NAME:-default}` replaced by its default. */
export const withDefaults = (text: string): string =>
  text.replace(/\$\{\w+:-([^}]*)\}/g, (_whole, otherwise: string) => otherwise);
