/** Names that a page may use: settings, files, and whatever the source itself contains. */
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
/** Pages, their tests and files of other projects do not count as source. */
const NO_SOURCE = /\.md$|^test\/docs\/|^package-lock\.json$|\.(png|ico|woff2?|gz|rdb)$/;
const source = files
  .filter((file) => !NO_SOURCE.test(file))
  .map((file) => readFileSync(ROOT + file, 'utf8'))
  .join('\n');

const places = new Set(files.flatMap((file) => [file, ...foldersOf(file)]));
function foldersOf(file: string): string[] {
  const parts = file.split('/');
  return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join('/'));
}

/** A path from the root, from the folder of the page, or from the sources. */
function isPlace(page: string, text: string): boolean {
  const path = text.replace(/\/$/, '');
  const near = [
    '.',
    posix.dirname(page),
    'src',
    'examples/laravel/public/js',
    'examples/cutover-from-reverb',
  ];
  return near.some((folder) => places.has(posix.normalize(posix.join(folder, path))));
}

const NAME = /^(?:REDIS|REVERB|WAVEHALL)_[A-Z_]*\*?$/;

/** True when a variable of ours exists and takes the value that the page gives it. */
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

/** A placeholder of a template in the source, which stands where the page has a number or a name. */
const PLACEHOLDER = '\\$\\{[^}\\n]+\\}';
/** Parts of a text of a page that the source may spell otherwise; anything else is itself. */
const LOOSE: readonly (readonly [RegExp, (part: string) => string])[] = [
  [/^\d+$/, (part) => `(?:${part}|${PLACEHOLDER})`],
  [/^\{\w+\}$/, (part) => `(?:\\{${part.slice(1, -1)}\\}|:\\w+|${PLACEHOLDER})`],
  [/^\s+$/, () => '\\s+'],
  [/^…$/, () => '[^\\n]*'],
  [/^['"]$/, () => `\\\\?['"]`],
];

/** Finds a text in the source: a number or a name in braces may be a placeholder there, and `…` is anything. */
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

/** True when a metric is defined under this name, with this label. */
function isMetric(text: string): boolean {
  const [, name, label] = /^wavehall_([a-z_]+?)(?:\{(\w+)\})?$/.exec(text) ?? [];
  if (name === undefined) return false;
  return new RegExp(`'${name}',[^;]{0,200}${label === undefined ? '' : `\\['${label}`}`).test(source);
}

/** True when the option belongs to one of our programs. */
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

/** Values, and parts of them, which other tests compare with the settings. */
const isNumber = (text: string): boolean => /^[\d., ]+%?$/.test(text);

/** A variable that is no setting of ours with its value, or a header: both parts are in the source. */
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
    isPlace(page, text) ||
    APP_KEYS.has(text) ||
    isOption(text) ||
    isExport(text) ||
    isPair(text) ||
    isInSource(text) ||
    blocks.some((block) => block.text.includes(text)));
