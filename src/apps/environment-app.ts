import type { Credential } from '#protocol';
import type { App } from '../core/app.ts';
import { environmentSource, textIn, type Variables } from '../settings/settings.ts';
import { buildApp } from './build-app.ts';

/**
 * The app of the variables `REVERB_APP_*`, else `PUSHER_APP_*`, else none. The first prefix of which any variable exists is
 * used: an empty value is a problem, never a reason to try the next prefix.
 */
export function appFromEnvironment(
  variables: Variables,
  problems: string[],
): { readonly app: App; readonly from: string } | undefined {
  const prefix = VARIABLE_PREFIXES.find((each) =>
    CREDENTIAL_PARTS.some((part) => variables[each + part] !== undefined),
  );
  if (prefix === undefined) return undefined;
  const [id = '', key = '', secret = ''] = CREDENTIAL_PARTS.map((part) => {
    const value = textIn(variables, prefix + part);
    if (value === undefined) problems.push(missingValueProblem(prefix, part, variables));
    return value;
  });
  const older = (textIn(variables, 'WAVEHALL_APP_CREDENTIALS') ?? '')
    .split(',')
    .filter((pair) => pair.trim() !== '');
  const credentials: [Credential, ...Credential[]] = [
    { key, secret },
    ...older.map((pair) => parseCredential(pair, problems)),
  ];
  return { app: buildApp(id, credentials, environmentSource(variables), problems), from: `${prefix}*` };
}

/** The app with public credentials that is served if none is configured. */
export const developmentApp = (variables: Variables, problems: string[]): App =>
  buildApp('app-id', [{ key: 'app-key', secret: 'app-secret' }], environmentSource(variables), problems);

const VARIABLE_PREFIXES = ['REVERB_APP_', 'PUSHER_APP_'] as const;
const CREDENTIAL_PARTS = ['ID', 'KEY', 'SECRET'] as const;

const missingValueProblem = (prefix: string, part: string, variables: Variables): string =>
  variables[prefix + part] === undefined
    ? `${prefix}${part}: expected a value, because another ${prefix}* variable is set`
    : `${prefix}${part}: expected a value, but it is set and empty`;

/** The variables that name an app which is not served, because `usedNames` gave the apps. */
export function unusedApps(variables: Variables, usedNames: string): readonly UnusedApp[] {
  return VARIABLE_PREFIXES.map((prefix) => ({
    names: `${prefix}*`,
    id: textIn(variables, `${prefix}ID`),
  })).filter((each): each is UnusedApp => each.names !== usedNames && each.id !== undefined);
}

/** Explains in a sentence which configured apps are not served, and why; `undefined`: there are none. */
export function unusedAppsHint(apps: readonly UnusedApp[], usedNames: string): string | undefined {
  if (apps.length === 0) return undefined;
  const each = apps.map(({ names, id }) => `${names} (id ${id})`).join(' and ');
  return `${each} are set too, and not used, because ${usedNames} wins`;
}

export interface UnusedApp {
  readonly names: string;
  readonly id: string;
}

function parseCredential(pair: string, problems: string[]): Credential {
  const [key = '', ...rest] = pair.trim().split(':');
  const secret = rest.join(':');
  if (key === '' || secret === '')
    problems.push('WAVEHALL_APP_CREDENTIALS: expected key:secret pairs separated by commas');
  return { key, secret };
}
