/** Programs of the system that a test needs. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';

/** Finds a program on the path or in the folders for administrators. */
export const findProgram = (name: string): string | undefined =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/opt/homebrew/bin']
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file));

/** Returns the path of a program that `withPrograms` has found. */
export function program(name: string): string {
  const found = findProgram(name);
  if (found === undefined) throw new Error(`${name} is missing`);
  return found;
}

/**
 * Declares `tests` if all programs are installed. Otherwise they fail with the reason if CI is set,
 * and are skipped with the reason in the title if not.
 */
export function withPrograms(title: string, names: readonly string[], tests: () => void): void {
  const missing = names.filter((name) => findProgram(name) === undefined);
  const reason = `${missing.join(', ')} missing: apt-get install apache2 caddy haproxy mariadb-server nginx postgresql supervisor systemd yamllint`;
  if (missing.length === 0) describe(title, tests);
  else if (process.env['CI'] === undefined) test.skip(`${title} (skipped: ${reason})`, () => undefined);
  else test(title, () => expect.unreachable(reason));
}
