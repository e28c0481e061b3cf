import { readFileSync } from 'node:fs';
import type { App } from '../core/app.ts';
import { optionalText, setting, textIn, type Values, type Variables } from '../settings/settings.ts';
import { ignoredKeys } from './ignored.ts';
import { appFromEnvironment, developmentApp, unusedApps, type UnusedApp } from './environment-app.ts';
import { appsFromJson } from './json-apps.ts';
import { type AppsDatabase, databaseOptions, describeApps } from './sql/options.ts';
import { DATABASE_SETTINGS } from './sql/settings.ts';
import { reverbConfigIn, type ReverbTls, requestSizeOf, tlsOf } from './reverb-config.ts';
import { translateSoketiApps } from './soketi.ts';

/** The settings that give several apps. */
export const APPS_SETTINGS = {
  apps: setting(
    'WAVEHALL_APPS',
    optionalText,
    '',
    'Apps as JSON, in the shape of config("reverb.apps.apps").',
  ),
  appsFile: setting(
    'WAVEHALL_APPS_FILE',
    optionalText,
    '',
    'File with the same JSON, with the whole config("reverb"), or with the apps of soketi.',
  ),
  ...DATABASE_SETTINGS,
} as const;

export interface FoundApps {
  readonly apps: readonly App[];
  /** The source of the apps, for the start block: a variable, a file, a database, or `DEVELOPMENT`. */
  readonly from: string;
  /** The database with the apps, in place of `apps`. */
  readonly database?: AppsDatabase | undefined;
  /** Apps that the environment names besides, and that are not served. */
  readonly unused: readonly UnusedApp[];
  readonly tls?: ReverbTls | undefined;
  readonly warnings?: readonly string[];
  /** Variables whose values a whole `config("reverb")` gives. */
  readonly overrides?: Variables;
}

/** `from` of the app for development. */
export const DEVELOPMENT = 'development';

/**
 * The configured apps, by the first source that is there: `WAVEHALL_APPS_DATABASE`, `WAVEHALL_APPS`, `WAVEHALL_APPS_FILE`,
 * `REVERB_APP_*`, `PUSHER_APP_*`, else the app for development. Problems are added to `problems`.
 */
export function findApps(
  values: Values<typeof APPS_SETTINGS>,
  variables: Variables,
  problems: string[],
): FoundApps {
  const { apps: inline, appsFile: file, appsDatabase } = values;
  const found =
    appsDatabase !== undefined
      ? fromDatabase(values, variables, problems)
      : inline !== undefined
        ? fromJson(inline, APPS_SETTINGS.apps.name, variables, problems)
        : file !== undefined
          ? fromJson(readAppsFile(file, problems), file, variables, problems)
          : fromVariables(variables, problems);
  checkUnique(found, problems);
  return { ...found, unused: unusedApps(variables, found.from) };
}

type AppsOfSource = Omit<FoundApps, 'unused'>;

/** The apps are read by the server, again and again. */
function fromDatabase(
  values: Values<typeof APPS_SETTINGS>,
  variables: Variables,
  problems: string[],
): AppsOfSource {
  const { apps, appsFile, appsDatabase } = APPS_SETTINGS;
  for (const other of [apps, appsFile].filter(({ name }) => textIn(variables, name) !== undefined))
    problems.push(`${other.name}: expected not to be set together with ${appsDatabase.name}`);
  const database = databaseOptions(values, variables, problems);
  return { apps: [], from: database === undefined ? appsDatabase.name : describeApps(database), database };
}

function fromVariables(variables: Variables, problems: string[]): AppsOfSource {
  const found = appFromEnvironment(variables, problems);
  if (found !== undefined) return { apps: [found.app], from: found.from };
  const problem = reasonAgainstDevelopment(variables);
  if (problem !== undefined) problems.push(problem);
  return { apps: [developmentApp(variables, problems)], from: DEVELOPMENT };
}

const HOW_TO_NAME_AN_APP =
  "set REVERB_APP_ID, REVERB_APP_KEY and REVERB_APP_SECRET, or read Laravel's .env with --env-file, or set WAVEHALL_APPS or WAVEHALL_APPS_FILE";

/** The reason why no app for development is made: a variable names apps and is empty, or this is production. */
function reasonAgainstDevelopment(variables: Variables): string | undefined {
  const { apps, appsFile } = APPS_SETTINGS;
  const empty = [apps.name, appsFile.name, 'WAVEHALL_APP_CREDENTIALS'].find(
    (name) => variables[name] !== undefined,
  );
  if (empty !== undefined) return `No app is configured, although ${empty} is set: ${HOW_TO_NAME_AN_APP}`;
  const word = ['NODE_ENV', 'APP_ENV'].find((name) =>
    /^prod(uction)?$/i.test(textIn(variables, name)?.trim() ?? ''),
  );
  return word && `No app is configured, and ${word} says production: ${HOW_TO_NAME_AN_APP}`;
}

function fromJson(
  json: string | undefined,
  from: string,
  variables: Variables,
  problems: string[],
): AppsOfSource {
  if (json === undefined) return { apps: [], from };
  try {
    const given = reverbConfigIn(JSON.parse(json) as unknown);
    const config = { ...given, apps: translateSoketiApps(given.apps, from, problems) };
    const overrides = requestSizeOf(config);
    return {
      apps: appsFromJson(config.apps, from, { ...variables, ...overrides }, problems),
      from,
      tls: tlsOf(config),
      warnings: ignoredKeys(config, from),
      overrides,
    };
  } catch (error) {
    problems.push(
      `${from}: expected JSON (${error instanceof SyntaxError ? 'it cannot be parsed' : String(error)})`,
    );
    return { apps: [], from };
  }
}

function readAppsFile(file: string, problems: string[]): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    problems.push(`${APPS_SETTINGS.appsFile.name}=${JSON.stringify(file)}: ${(error as Error).message}`);
    return undefined;
  }
}

function checkUnique({ apps, from }: AppsOfSource, problems: string[]): void {
  const ids = apps.map(({ id }) => id);
  // One app may have several secrets for one key, while its secret is rotated.
  const keys = apps.flatMap(({ credentials }) => [...new Set(credentials.map(({ key }) => key))]);
  const endpoints = apps.flatMap(({ webhooks }) => webhooks.map(({ name }) => name));
  for (const [what, values, user] of [
    ['app_id', ids, 'app'],
    ['key', keys, 'app'],
    ['webhooks name', endpoints, 'endpoint'],
  ] as const) {
    const double = values.find((value, at) => values.indexOf(value) !== at);
    if (double !== undefined)
      problems.push(`${from}: ${what} ${JSON.stringify(double)}: expected to be used by one ${user} only`);
  }
}
