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
  const apps = config.apps.map(({ id }) => id).join(', ');
  return warnings.length > 0
    ? warnings
    : [
        ok(
          'server-settings',
          `port ${config.port}, path "/${config.path}", ${config.apps.length === 1 ? 'app' : 'apps'} ${apps} (from ${config.appsFrom})`,
        ),
      ];
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
