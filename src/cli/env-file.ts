import { readFileSync } from 'node:fs';
import { ConfigError, type Variables } from '../settings/settings.ts';
import { loadDotenv } from '../config/dotenv/load.ts';

/**
 * Reads a `.env` file as Laravel does. Variables in `outer` win. A name without a value is an empty text.
 * Throws a `ConfigError` with each invalid line, or when it cannot be read.
 */
export function readEnvFile(file: string, outer: Variables): Record<string, string> {
  try {
    const values = loadDotenv(readFileSync(file), outer);
    return Object.fromEntries([...values].map(([name, value]) => [name, value ?? '']));
  } catch (error) {
    if (!(error instanceof ConfigError))
      throw new ConfigError([`--env-file ${file}: ${(error as Error).message}`]);
    throw new ConfigError(error.problems.map((problem) => `${file}: ${problem}`));
  }
}
