/** Names that a page may use: settings, files, and text of the source. */
import { Traffic } from '../../src/core/traffic/traffic.ts';
import { soketiMetrics } from '../../src/observability/soketi-metrics.ts';
import { ALL_METRICS } from '../support/all-metrics.ts';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { APP_KEYS } from '../../src/apps/ignored.ts';
import { APP_LIMITS } from '../../src/apps/limits.ts';
import { APP_OPTIONS, RATE_LIMITING } from '../../src/apps/options.ts';
import type { Setting } from '../../src/settings/settings.ts';
import { SERVER_SETTINGS } from '../../src/config/server.ts';
import { ROOT, type ShellBlock } from './shell-blocks.ts';

export const SETTINGS: readonly Setting<unknown>[] = [
  APP_LIMITS,
  APP_OPTIONS,
  RATE_LIMITING,
  SERVER_SETTINGS,
].flatMap((table): Setting<unknown>[] => Object.values(table));

const git = (args: readonly string[]): string[] =>
  execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' })
    .split('\0')
    .filter((file) => file !== '');

const files = git(['ls-files', '-z', '--cached', '--others', '--exclude-standard']);
/** Files that do not count as source: pages, their tests and files of other projects. */
const NO_SOURCE = /\.md$|^test\/docs\/|^package-lock\.json$|\.(png|ico|woff2?|gz|rdb)$/;
const source = files
  .filter((file) => !NO_SOURCE.test(file))
  .map((file) => readFileSync(ROOT + file, 'utf8'))
  .join('\n');

const paths = new Set(files.flatMap((file) => [file, ...foldersOf(file)]));
function foldersOf(file: string): string[] {
  const parts = file.split('/');
  return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join('/'));
}

/** A path from the root, from the folder of the page, or from the sources. */
function isPath(page: string, text: string): boolean {
  const path = text.replace(/\/$/, '');
  const roots = [
    '.',
    posix.dirname(page),
    'src',
    'examples/laravel/public/js',
    'examples/cutover-from-reverb',
  ];
  return roots.some((folder) => paths.has(posix.normalize(posix.join(folder, path))));
}

const NAME = /^(?:REDIS|REVERB|WAVEHALL)_[A-Z_]*\*?$/;

/** True if the setting exists and accepts the value on the page. */
function isSetting(text: string): boolean | undefined {
  const [name = '', value] = text.split(/=(.*)/);
  if (!NAME.test(name)) return undefined;
  const named = SETTINGS.filter((setting) =>
    name.endsWith('*') ? setting.name.startsWith(name.slice(0, -1)) : setting.name === name,
  );
  if (named.length === 0) return undefined;
  if (value === undefined || value.endsWith('…')) return true;
  return named.some(({ type: kind }) => kind.parse(value) !== undefined);
}

/** Placeholder of a template in the source, in the position of a number or name on the page. */
const PLACEHOLDER = '\\$\\{[^}\\n]+\\}';
/** Parts of a text that may differ in the source; other parts are matched literally. */
const LOOSE: readonly (readonly [RegExp, (part: string) => string])[] = [
  [/^\d+$/, (part) => `(?:${part}|${PLACEHOLDER})`],
  [/^\{\w+\}$/, (part) => `(?:\\{${part.slice(1, -1)}\\}|:\\w+|${PLACEHOLDER})`],
  [/^\s+$/, () => '\\s+'],
  [/^…$/, () => '[^\\n]*'],
  [/^['"]$/, () => `\\\\?['"]`],
];

/** Searches the source for a text: a number or a name in braces also matches a placeholder, and `…` matches any text. */
function isInSource(text: string): boolean {
  const parts =
    text.replace(/^(?:GET|POST|PUT|DELETE) /, '').match(/\d+|\{\w+\}|\s+|[…'"{]|[^\d\s{…'"]+/gu) ?? [];
  const pattern = parts.map((part) => {
    const [, loosely] = LOOSE.find(([form]) => form.test(part)) ?? [];
    return loosely?.(part) ?? part.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  });
  return new RegExp(
    `${/^\w/.test(text) ? '(?<![\\w-])' : ''}${pattern.join('')}${/\w$/.test(text) ? '(?![\\w-])' : ''}`,
  ).test(source);
}

const METRICS = new Map(
  [...Object.values(ALL_METRICS).flat(), ...soketiMetrics('soketi', new Traffic(), 0)].map(
    ({ name, labels }) => [name, labels],
  ),
);

/** True if a metric with this name and label is defined; a histogram has more names. */
function isMetric(text: string): boolean {
  const [, name = '', label] = /^(\w+?)(?:_bucket|_sum|_count)?(?:\{(\w+)\})?$/.exec(text) ?? [];
  const labels = METRICS.get(name) ?? METRICS.get(text);
  return labels !== undefined && (label === undefined || labels.includes(label));
}

/** True if one of the project's programs has this option. */
function isOption(text: string): boolean {
  const [, name] = /^--([\w-]+)(?: \S+)?$/.exec(text) ?? [];
  const defined = `^\\s*'?${name}'?: \\{ type|'--${name}[ ']`;
  return name !== undefined && new RegExp(defined, 'm').test(source);
}

const { name: packageName, exports } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as {
  name: string;
  exports: Readonly<Record<string, unknown>>;
};
const isExport = (text: string): boolean =>
  text.startsWith(packageName) && `.${text.slice(packageName.length)}` in exports;

/** True for numbers, which other tests compare with the settings. */
const isNumber = (text: string): boolean => /^[\d., ]+%?$/.test(text);

/** True for a header, or a variable that is not a setting, with a value, if both parts are in the source. */
function isPair(text: string): boolean {
  const [, name, value] = /^([\w-]+)(?:=|: )(\S+)$/.exec(text) ?? [];
  if (name === undefined || value === undefined || name.startsWith('NODE_')) return false;
  if (text.includes('=')) return isInSource(name);
  return [name, name.toLowerCase()].some((spelt) => isInSource(spelt)) && isInSource(value);
}

export const exists = (page: string, text: string, blocks: readonly ShellBlock[]): boolean =>
  isSetting(text) ??
  (isNumber(text) ||
    isMetric(text) ||
    isPath(page, text) ||
    APP_KEYS.has(text) ||
    isOption(text) ||
    isExport(text) ||
    isPair(text) ||
    isInSource(text) ||
    blocks.some((block) => block.text.includes(text)));
