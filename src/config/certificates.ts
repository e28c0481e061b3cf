import { readFileSync } from 'node:fs';

/** The text of a file that the setting names; `undefined`, and a problem that says so, when it cannot be read. */
export function readCertificates(setting: string, file: string, problems: string[]): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    problems.push(`${setting}=${JSON.stringify(file)}: ${(error as Error).message}`);
    return undefined;
  }
}
