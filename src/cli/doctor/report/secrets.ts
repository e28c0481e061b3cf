import type { Context } from '../context.ts';
import type { Finding } from './finding.ts';

const SECRET_NAME =
  /SECRET|PASSWORD|PASSWD|PASSPHRASE|TOKEN|CREDENTIALS|PRIVATE|DSN|^APP_(?:PREVIOUS_)?KEYS?$|_ACCESS_KEY/;
const MIN_SECRET_CHARACTERS = 4;
const HIDDEN = '(not shown)';

/** Every secret that the doctor has read: of variables, of apps, of Laravel's configuration, and in URLs. */
export function secretsOf({ laravel, serverEnv, server, options, broadcast }: Context): string[] {
  const variables = [
    options.variables,
    laravel?.env.values,
    laravel?.env.own,
    serverEnv?.values,
    serverEnv?.own,
  ].flatMap((all) => Object.entries(all ?? {}));
  const found = [
    ...variables.flatMap(([name, value = '']) => [
      ...(SECRET_NAME.test(name) ? secretParts(value) : []),
      ...passwordsIn(value),
    ]),
    ...secretsOfServer(server),
    ...[broadcast, laravel?.used.broadcast, laravel?.fresh.broadcast, laravel?.cached?.broadcast].map(
      (each) => each?.secret ?? '',
    ),
  ];
  const shown = new Set(keysOf(server));
  return [...new Set(found)]
    .filter((secret) => secret.length >= MIN_SECRET_CHARACTERS && !shown.has(secret))
    .toSorted((one, other) => other.length - one.length);
}

const secretsOfServer = ({ config, apps = [] }: Context['server']): string[] => [
  ...apps.flatMap(({ credentials }) => credentials.map(({ secret }) => secret)),
  config?.redis?.password ?? '',
  config?.appsDatabase?.password ?? '',
  config?.adminToken ?? '',
];

/** Pairs such as key:secret contain a secret on its own. */
const secretParts = (value: string): string[] => [
  value,
  ...value.split(',').map((pair) => pair.slice(pair.indexOf(':') + 1).trim()),
];

const passwordsIn = (value: string): string[] =>
  [...value.matchAll(/:\/\/[^/\s:@]*:([^/\s@]+)@/g)].flatMap(([, password = '']) => [
    password,
    decoded(password),
  ]);

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Ids and keys are public, and shown also where they are part of a pair. */
const keysOf = ({ apps = [] }: Context['server']): string[] =>
  apps.flatMap(({ id, credentials }) => [id, ...credentials.map(({ key }) => key)]);

/** Replaces secrets in every text of a finding, and signatures by their form. */
export function withoutSecrets(finding: Finding, secrets: readonly string[]): Finding {
  const hide = (text: string): string =>
    secrets.reduce((all, secret) => all.replaceAll(secret, HIDDEN), text).replace(/[0-9a-f]{64}/gi, HIDDEN);
  const { fix, message } = finding;
  const texts = Object.entries(fix ?? {}).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === 'string' ? hide(value) : value,
  ]);
  return { ...finding, message: hide(message), ...(fix && { fix: Object.fromEntries(texts) as typeof fix }) };
}
