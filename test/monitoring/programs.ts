/** Prometheus, Alertmanager and their tools, as Debian installs them. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

/** Names of each program: Debian's, and that of the project's own release. */
const NAMES = {
  prometheus: ['prometheus'],
  promtool: ['promtool'],
  alertmanager: ['prometheus-alertmanager', 'alertmanager'],
  amtool: ['amtool'],
} as const;

export type Program = keyof typeof NAMES;

const find = (program: Program): string | undefined =>
  (process.env.PATH ?? '')
    .split(':')
    .flatMap((folder) => NAMES[program].map((name) => join(folder, name)))
    .find((file) => existsSync(file));

/** Path of a program; throws if it is missing. */
export function pathOf(program: Program): string {
  const path = find(program);
  if (path === undefined) throw new Error(`${program} is missing`);
  return path;
}

/** Runs a tool to its end: its exit code, and its stdout and stderr together. */
export function runTool(
  program: Program,
  args: readonly string[],
  options: { readonly cwd?: string; readonly input?: string } = {},
): { readonly code: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(pathOf(program), args, {
    ...options,
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { code: status, output: stdout + stderr };
}

/**
 * Declares `tests` if the programs are installed. Otherwise they fail with the reason if CI is set, and are skipped with the
 * reason in the title if not.
 */
export function withPrograms(title: string, programs: readonly Program[], tests: () => void): void {
  const missing = programs.filter((program) => find(program) === undefined);
  const reason = `${missing.join(', ')} missing (Debian: apt-get install prometheus prometheus-alertmanager)`;
  if (missing.length === 0) describe(title, tests);
  else if (process.env.CI === undefined) test.skip(`${title} (skipped: ${reason})`, () => undefined);
  else test(title, () => expect.unreachable(reason));
}
