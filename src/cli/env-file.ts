import { readFileSync } from 'node:fs';
import { ConfigError, type Variables } from '../settings/settings.ts';
import { loadDotenv } from '../config/dotenv/load.ts';

/**
 * The values that Laravel reads from a `.env` beside `outer`, which wins. A name that stands alone has an empty text.
 * Throws what is wrong with it, line by line.
 */
export function readEnvFile(file: string, outer: Variables): Record<string, string> {
  try {
    const values = loadDotenv(readFileSync(file), outer);
    return Object.fromEntries([...values].map(([name, value]) => [name, value ?? '']));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(error.problems.map((problem) => `${file}: ${problem}`));
  }
}
