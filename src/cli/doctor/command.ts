import { existsSync } from 'node:fs';
import { ConfigError, problemsOf } from '../../settings/settings.ts';
import { printReport, type Report, runDoctor } from './index.ts';
import type { DoctorFlags } from '../commands/doctor.ts';
import { fail } from '../fail.ts';
import { openFilesLimit } from '../open-files.ts';

const MAX_TIMEOUT_SECONDS = 120;
const MAX_WAIT_SECONDS = 3600;
const WARNINGS = 1;
const ERRORS = 2;

/** Runs all checks, prints the report, and ends the process with its exit code. */
export async function doctor(flags: DoctorFlags): Promise<void> {
  let exitCode = ERRORS;
  try {
    const report = await runDoctor({
      laravel: flags.laravel ?? (existsSync('artisan') ? process.cwd() : undefined),
      envFile: flags.envFile,
      url: flags.url,
      timeoutMs: 1000 * seconds('--timeout', flags.timeout, 0.1, MAX_TIMEOUT_SECONDS),
      waitMs: 1000 * seconds('--wait', flags.wait, 0, MAX_WAIT_SECONDS),
      variables: process.env,
      openFiles: openFilesLimit,
    });
    exitCode = exitCodeOf(report);
    await print(
      flags.json === true
        ? `${JSON.stringify(report, undefined, 2)}\n`
        : printReport(report, { colour: process.stdout.isTTY }),
    );
  } catch (error) {
    fail(problemsOf(error));
    await new Promise<void>((resolve) => process.stderr.write('', () => resolve()));
  }
  // A connection that is still being opened would keep the process running.
  process.exit(exitCode);
}

const exitCodeOf = ({ errors, warnings }: Report): number =>
  errors > 0 ? ERRORS : warnings > 0 ? WARNINGS : 0;

function seconds(flag: string, text: string, least: number, most: number): number {
  const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new ConfigError([`${flag} ${JSON.stringify(text)}: expected seconds from ${least} to ${most}`]);
}

/** Resolves when the text has left the process; a reader that has gone does not matter. */
function print(text: string): Promise<void> {
  process.stdout.on('error', () => undefined);
  return new Promise((resolve) => process.stdout.write(text, () => resolve()));
}
