import type { Context } from '../../context.ts';
import { envFix } from '../../laravel/env.ts';
import { type Finding, type Fix, ok, problem, skipped } from '../../report/finding.ts';
import { applyEnv } from '../fixes.ts';

const PARTS = [
  ['appId', 'ID'],
  ['key', 'KEY'],
  ['secret', 'SECRET'],
] as const;

const APPS_UNKNOWN =
  "the server's settings are invalid or its database cannot be read, so that its apps are not known";
/** A database may have thousands. */
const MOST_IDS = 10;

/** Checks that Laravel and the server have the same id, key and secret. */
export function checkCredentials({ laravel, broadcast, server }: Context): Finding[] {
  if (laravel === undefined || broadcast === undefined)
    return [skipped('credentials', 'Laravel publishes to no server of the Pusher protocol')];
  const prefix = broadcast.connection === 'pusher' ? 'PUSHER_APP' : 'REVERB_APP';
  const fix = (part: string, value: string): Fix =>
    envFix(laravel.env, `${prefix}_${part}`, value, applyEnv(laravel));
  const missing = PARTS.filter(([name]) => broadcast[name] === '');
  if (missing.length > 0)
    return missing.map(([, part]) =>
      problem(
        'credentials-missing',
        `${prefix}_${part} has no value in Laravel`,
        fix(part, `the ${part.toLowerCase()} of the app`),
      ),
    );
  const { config, apps } = server;
  if (config === undefined || apps === undefined) return [skipped('credentials', APPS_UNKNOWN)];
  const { appsFrom } = config;
  const app = apps.find(({ id }) => id === broadcast.appId);
  if (app === undefined) {
    const ids = apps.slice(0, MOST_IDS).map(({ id }) => id);
    return [
      problem(
        'app-id-mismatch',
        `Laravel publishes as app "${broadcast.appId}"; the server has ${ids.join(', ') || 'no app'} (from ${appsFrom})`,
        fix('ID', ids[0] ?? ''),
      ),
    ];
  }
  const sameKey = app.credentials.filter(({ key }) => key === broadcast.key);
  if (sameKey.length === 0)
    return [
      problem(
        'app-key-mismatch',
        `Laravel uses the key "${broadcast.key}"; the server has "${app.credentials[0].key}" for app "${app.id}" (from ${appsFrom})`,
        fix('KEY', app.credentials[0].key),
      ),
    ];
  if (!sameKey.some(({ secret }) => secret === broadcast.secret))
    return [
      problem(
        'app-secret-mismatch',
        `Laravel and the server (${appsFrom}) have different secrets for app "${app.id}"; neither is shown`,
        fix('SECRET', `the secret of app "${app.id}"`),
      ),
    ];
  return [ok('credentials', `app "${app.id}", key "${broadcast.key}", the same secret`)];
}

/** Checks that no secret is in what browsers get. */
export function checkSecretExposed({ laravel, broadcast, server }: Context): Finding[] {
  if (laravel === undefined) return [skipped('secret-hidden', 'no Laravel app was given (--laravel)')];
  const secrets = [
    broadcast?.secret ?? '',
    ...(server.apps ?? []).flatMap(({ credentials }) => credentials.map(({ secret }) => secret)),
  ].filter((secret) => secret.length >= 8);
  const variables = Object.entries(laravel.vite).filter(
    ([name, value]) =>
      /^(?:VITE|MIX)_/.test(name) && secrets.some((secret) => value?.includes(secret) === true),
  );
  const files = new Set(secrets.flatMap((secret) => laravel.build?.filesWith(secret) ?? []));
  const found = [
    ...variables.map(([name]) =>
      problem('secret-exposed', `${name} has the secret of the app as its value`, {
        file: laravel.env.file,
        lineNumber: laravel.env.lineOf(name),
        line: `(remove ${name}, and give the app a new secret)`,
        run: 'npm run build',
      }),
    ),
    ...[...files].map((file) =>
      problem('secret-exposed', `${file} contains the secret of the app`, {
        line: '(give the app a new secret)',
        run: 'npm run build',
      }),
    ),
  ];
  return found.length > 0 ? found : [ok('secret-hidden', 'no secret is in what browsers get')];
}
