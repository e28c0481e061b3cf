import { within } from '../../core/util/time.ts';
import { CHECKS, type Check } from './checks.ts';
import { type Context, type DoctorOptions, openContext } from './context.ts';
import { type Finding, skipped } from './report/finding.ts';
import type { Report } from './report/report.ts';
import { secretsOf, withoutSecrets } from './report/secrets.ts';

export type { DoctorOptions } from './context.ts';
export type { Finding } from './report/finding.ts';
export type { Report } from './report/report.ts';
export { printReport } from './report/print.ts';

/** Steps over the network that a check may wait for, one after the other. */
const MOST_STEPS = 10;

/**
 * Runs every check. Rejects with a `ConfigError` when what was given cannot be used. It ends within `MOST_STEPS` time-outs,
 * and the time of silence that was asked for.
 */
export async function runDoctor(options: DoctorOptions): Promise<Report> {
  const context = await openContext(options);
  const limitMs = MOST_STEPS * options.timeoutMs + options.waitMs;
  const all = await Promise.all(
    Object.entries(CHECKS).map(([name, check]) => runCheck(name, check, context, limitMs)),
  );
  const secrets = secretsOf(context);
  const findings = all.flat().map((finding) => withoutSecrets(finding, secrets));
  const { publish, public: browsers } = context.network.options;
  return {
    laravel: options.laravel ?? null,
    publishUrl: publish?.href ?? null,
    publicUrl: browsers?.href.replace(/^http/, 'ws') ?? null,
    errors: findings.filter(({ severity }) => severity === 'error').length,
    warnings: findings.filter(({ severity }) => severity === 'warning').length,
    findings,
  };
}

/** A check that fails by itself, or takes too long, does not stop the others. */
async function runCheck(name: string, check: Check, context: Context, limitMs: number): Promise<Finding[]> {
  try {
    const run = Promise.resolve().then(() => check(context));
    return await within(run, limitMs, () => [skipped(name, `it did not end in ${limitMs / 1000} s`)]);
  } catch (error) {
    return [skipped(name, `it failed, which is a bug in Wavehall: ${(error as Error).message}`)];
  }
}
