import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { splitEntries } from '../../../config/dotenv/lines.ts';
import { loadDotenv } from '../../../config/dotenv/load.ts';
import { ConfigError, type Variables } from '../../../settings/settings.ts';
import type { Fix } from '../report/finding.ts';

/** A `.env` file: its values, and where they stand. */
export interface EnvFile {
  readonly file: string;
  /** Values that a program with this environment reads. */
  readonly values: Variables;
  /** Values of the file alone. */
  readonly own: Variables;
  /** Line of an entry, counted from 1; the last one if there are several. */
  lineOf(name: string): number | undefined;
}

/** File that Laravel reads: `.env`, or `.env.NAME` when APP_ENV is set to a name that has a file. */
export function envFileOf(folder: string, outer: Variables): string {
  const named = join(folder, `.env.${outer.APP_ENV ?? ''}`);
  return outer.APP_ENV !== undefined && existsSync(named) ? named : join(folder, '.env');
}

/** Reads a `.env` file. Throws a `ConfigError` that names the file, and never a value. */
export function readEnv(file: string, outer: Variables): EnvFile {
  const content = contentOf(file);
  const lines = new Map(
    splitEntries(content.toString('utf8')).map(({ line, text }) => [nameIn(text), line] as const),
  );
  return {
    file,
    values: { ...valuesOf(content, outer, file), ...outer },
    own: valuesOf(content, {}, file),
    lineOf: (name) => lines.get(name),
  };
}

const nameIn = (entry: string): string => /^\s*(?:export\s+)?["']?([\w.]+)/.exec(entry)?.[1] ?? '';

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code = 'unknown reason' } = error as NodeJS.ErrnoException;
    throw new ConfigError([`${file}: cannot be read (${code}): expected the .env file of the app`]);
  }
}

function valuesOf(content: Buffer, outer: Variables, file: string): Record<string, string> {
  try {
    return Object.fromEntries([...loadDotenv(content, outer)].map(([name, value]) => [name, value ?? '']));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.problems.map((each) => `${file}: ${each}`));
  }
}

/** The change of one entry of a `.env`. */
export const envFix = (env: EnvFile | undefined, name: string, value: string, run?: string): Fix => ({
  file: env?.file ?? '.env',
  lineNumber: env?.lineOf(name),
  line: `${name}=${value}`,
  run,
});
