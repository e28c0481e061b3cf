import { readFileSync } from 'node:fs';

/** Reads the file that a setting names. When it cannot be read, returns `undefined` and adds a problem. */
export function readCertificates(setting: string, file: string, problems: string[]): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    problems.push(`${setting}=${JSON.stringify(file)}: ${(error as Error).message}`);
    return undefined;
  }
}
