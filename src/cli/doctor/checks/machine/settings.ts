import type { Config } from '../../../../config/index.ts';
import type { Context } from '../../context.ts';
import { type Finding, ok, problem, skipped } from '../../report/finding.ts';

/** Checks that `wavehall start` would take its settings. */
export function checkServerSettings({ server, serverEnv }: Context): Finding[] {
  const { config, problems } = server;
  if (config === undefined)
    return problems.map((each) => problem('server-settings-invalid', each, { file: serverEnv?.file }));
  const warnings = config.warnings.map((each) =>
    problem('server-settings-ignored', each, { file: serverEnv?.file }),
  );
  return warnings.length > 0
    ? warnings
    : [ok('server-settings', `port ${config.port}, path "/${config.path}", ${appsOf(config)}`)];
}

/** The apps of a database are a check of their own. */
function appsOf({ apps, appsDatabase, appsFrom }: Config): string {
  if (appsDatabase !== undefined) return `apps from ${appsFrom}`;
  return `${apps.length === 1 ? 'app' : 'apps'} ${apps.map(({ id }) => id).join(', ')} (from ${appsFrom})`;
}

const WATCHED = /^(?:REVERB|PUSHER|VITE|REDIS|BROADCAST|QUEUE|WAVEHALL)_/;

/** Checks that this shell has no other values than the file. */
export function checkEnvironment({ options, laravel, serverEnv }: Context): Finding[] {
  const env = laravel?.env ?? serverEnv;
  if (env === undefined) return [skipped('environment', 'there is no .env file')];
  const others = Object.entries(options.variables).filter(
    ([name, value]) => WATCHED.test(name) && env.own[name] !== undefined && env.own[name] !== value,
  );
  if (others.length === 0) return [ok('environment', `${env.file} is read`)];
  const names = others.map(([name]) => name).join(', ');
  return [
    problem(
      'environment-overrides-env',
      `${names}: set in this shell, with other values than in ${env.file}`,
      {
        run: `unset ${others.map(([name]) => name).join(' ')}`,
      },
    ),
  ];
}
