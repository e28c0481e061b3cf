/**
 * The reader of `.env` against `vlucas/phpdotenv` and Laravel's `env()` themselves, over generated files.
 *
 * WAVEHALL_DOTENV_SEED plays the files of a run again; a failure names the seed.
 */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { laravelText } from '../../../src/settings/settings.ts';
import { ConfigError } from '../../../src/settings/settings.ts';
import { loadDotenv } from '../../../src/config/dotenv/load.ts';
import { laravel8 } from '../../laravel/packages.ts';
import { missingRequirements } from '../../laravel/requirements.ts';
import { type Case, cases, names } from './generate.ts';

const FILES = 4000;
const SETUP_MS = 300_000;
const LOADER = new URL('./load.php', import.meta.url).pathname;
const seed = Number(process.env.WAVEHALL_DOTENV_SEED ?? randomInt(2 ** 31));

type Answer = { readonly refused: string } | { readonly set: Values; readonly env: Values };
type Values = Readonly<Record<string, string | null>>;

/** Every name's text, and what `env()` makes of it; the reason where the file is refused. */
type Outcome = Readonly<Record<string, readonly [text: string | undefined, env: unknown]>> | string;

/** Reasons in phpdotenv's words, and in ours. */
const REASONS: readonly (readonly [theirs: string, ours: string])[] = [
  ['an unexpected equals', 'expected a name before the equals sign'],
  ['an invalid name', 'expected a name of letters, digits, _ and . alone'],
  ['a missing closing quote', 'expected a closing quote'],
  ['an unexpected escape sequence', 'behind a backslash'],
  ['unexpected whitespace', 'expected quotes around a value with white space'],
];
const reasonOf = (said: string): string =>
  REASONS.find((reason) => reason.some((words) => said.includes(words)))?.[0] ?? said;

function laravels(all: readonly Case[], vendor: string): Answer[] {
  const input = all.map(({ file, outer }) => ({ file: file.toString('base64'), outer, names }));
  const { status, stdout, stderr } = spawnSync('php', [LOADER, vendor], {
    input: JSON.stringify(input),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`PHP ended with ${status}: ${stderr}${stdout.slice(0, 1000)}`);
  return JSON.parse(stdout) as Answer[];
}

const text = (base64: string): string => Buffer.from(base64, 'base64').toString();

function outcomeOf(answer: Answer): Outcome {
  if ('refused' in answer) return reasonOf(answer.refused);
  return Object.fromEntries(
    names.map((name) => {
      const [set, env] = [answer.set[name], answer.env[name]];
      return [
        name,
        [set === undefined || set === null ? undefined : text(set), unserialized(text(env ?? ''))],
      ];
    }),
  );
}

/** PHP's `serialize`, of what `env()` returns: true, false, null or a text. */
function unserialized(serialized: string): unknown {
  const simple = { 'b:1;': true, 'b:0;': false, 'N;': undefined };
  if (serialized in simple) return simple[serialized as keyof typeof simple];
  return /^s:\d+:"([^]*)";$/.exec(serialized)?.[1];
}

function ours({ file, outer }: Case): Outcome {
  try {
    const loaded = loadDotenv(file, outer);
    return Object.fromEntries(
      names.map((name) => {
        const value = outer[name] ?? loaded.get(name);
        return [name, [value, value === undefined ? undefined : asEnv(value)]];
      }),
    );
  } catch (error) {
    if (error instanceof ConfigError) return reasonOf(error.problems[0] ?? '');
    throw error;
  }
}

/** Where Laravel makes a switch or an empty text, the kinds of the settings do. */
function asEnv(value: string): unknown {
  const word = value.toLowerCase();
  if (/^(true|\(true\)|false|\(false\))$/.test(word)) return word.includes('true');
  return /^(empty|\(empty\)|)$/.test(word) ? '' : laravelText(value);
}

const title = `2.1 a .env has the same values, or is refused, as with Laravel's own reader (${FILES} files)`;
const missing = missingRequirements();
if (missing !== undefined && process.env.CI === undefined) test.skip(`${title} (skipped: ${missing})`);
else
  test(
    title,
    async () => {
      if (missing !== undefined) throw new Error(missing);
      const all = cases(FILES, seed);
      const answers = laravels(all, await laravel8.vendor());
      const differences = all.flatMap((each, at) => {
        const [theirs, own] = [outcomeOf(answers[at] as Answer), ours(each)];
        return JSON.stringify(theirs) === JSON.stringify(own)
          ? []
          : [{ file: each.file.toString(), outer: each.outer, said: answers[at], theirs, own }];
      });
      const lines = all.reduce((sum, { file }) => sum + file.toString().split(/\r\n|\n|\r/).length, 0);
      const refused = answers.filter((answer) => 'refused' in answer).length;
      console.log(
        `seed ${seed}: ${FILES} files, ${lines} lines, ${refused} files refused, ${differences.length} differences`,
      );
      expect(refused).toBeGreaterThan(FILES / 20);
      expect(refused).toBeLessThan(FILES * 0.75);
      expect({ seed, differences: differences.slice(0, 5) }).toEqual({ seed, differences: [] });
    },
    SETUP_MS,
  );
