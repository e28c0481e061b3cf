import { type Credential, isJsonObject, type JsonObject } from '#protocol';
import type { App } from '../core/app.ts';
import { APP_LIMITS } from './limits.ts';
import { APP_OPTIONS, RATE_LIMITING } from './options.ts';
import {
  environment,
  readAll,
  type Setting,
  type Source,
  textIn,
  type Variables,
} from '../settings/settings.ts';

/**
 * The app of the variables `REVERB_APP_*`, else `PUSHER_APP_*`, else none. The first prefix of which any variable exists is
 * used: an empty value is a problem, never a reason to try the next prefix.
 */
export function appFromEnvironment(
  variables: Variables,
  problems: string[],
): { readonly app: App; readonly from: string } | undefined {
  const prefix = PREFIXES.find((each) => PARTS.some((part) => variables[each + part] !== undefined));
  if (prefix === undefined) return undefined;
  const [id = '', key = '', secret = ''] = PARTS.map((part) => {
    const value = textIn(variables, prefix + part);
    if (value === undefined) problems.push(withoutValue(prefix, part, variables));
    return value;
  });
  const older = (textIn(variables, 'WAVEHALL_APP_CREDENTIALS') ?? '')
    .split(',')
    .filter((pair) => pair.trim() !== '');
  const credentials: [Credential, ...Credential[]] = [
    { key, secret },
    ...older.map((pair) => credential(pair, problems)),
  ];
  return { app: build(id, credentials, environment(variables), problems), from: `${prefix}*` };
}

/** The app with public credentials that is served if none is configured. */
export const developmentApp = (variables: Variables, problems: string[]): App =>
  build('app-id', [{ key: 'app-key', secret: 'app-secret' }], environment(variables), problems);

const PREFIXES = ['REVERB_APP_', 'PUSHER_APP_'] as const;
const PARTS = ['ID', 'KEY', 'SECRET'] as const;

const withoutValue = (prefix: string, part: string, variables: Variables): string =>
  variables[prefix + part] === undefined
    ? `${prefix}${part}: expected a value, because another ${prefix}* variable is set`
    : `${prefix}${part}: expected a value, but it is set and empty`;

/** The variables that name an app which is not served, because `usedNames` gave the apps. */
export function unusedApps(variables: Variables, usedNames: string): readonly UnusedApp[] {
  return PREFIXES.map((prefix) => ({ names: `${prefix}*`, id: textIn(variables, `${prefix}ID`) })).filter(
    (each): each is UnusedApp => each.names !== usedNames && each.id !== undefined,
  );
}

/** A sentence on the apps that are configured and not served, and why; `undefined`: there are none. */
export function unusedAppsHint(apps: readonly UnusedApp[], usedNames: string): string | undefined {
  if (apps.length === 0) return undefined;
  const each = apps.map(({ names, id }) => `${names} (id ${id})`).join(' and ');
  return `${each} are set too, and not used, because ${usedNames} wins`;
}

export interface UnusedApp {
  readonly names: string;
  readonly id: string;
}

function credential(pair: string, problems: string[]): Credential {
  const [key = '', ...rest] = pair.trim().split(':');
  const secret = rest.join(':');
  if (key === '' || secret === '')
    problems.push('WAVEHALL_APP_CREDENTIALS: expected key:secret pairs separated by commas');
  return { key, secret };
}

/** Apps in the shape of Reverb's `config("reverb.apps.apps")`. Keys that an app does not have are taken from the variables. */
export function appsFromJson(apps: unknown, from: string, variables: Variables, problems: string[]): App[] {
  if (!Array.isArray(apps) || apps.length === 0) {
    problems.push(`${from}: expected a JSON list of apps, as config("reverb.apps.apps") gives it`);
    return [];
  }
  return apps.flatMap((app: unknown, at) => {
    const place = `${from}[${at}]`;
    if (!isJsonObject(app)) problems.push(`${place}: expected an object`);
    return isJsonObject(app) ? [appFromJson(app, place, variables, problems)] : [];
  });
}

function appFromJson(app: JsonObject, place: string, variables: Variables, problems: string[]): App {
  const [id, key, secret] = ['app_id', 'key', 'secret'].map((name) => {
    const value = app[name];
    if (isText(value) || typeof value === 'number') return String(value);
    problems.push(`${place}.${name}: expected a text`);
    return '';
  }) as [string, string, string];
  const older = olderIn(app.credentials ?? []);
  if (older === undefined) problems.push(`${place}.credentials: expected a list of {"key": …, "secret": …}`);
  return build(
    id,
    [{ key, secret }, ...(older ?? [])],
    jsonSource(app, place, environment(variables)),
    problems,
  );
}

const olderIn = (value: unknown): readonly Credential[] | undefined =>
  Array.isArray(value) && value.every(isCredential) ? value : undefined;

const isCredential = (value: unknown): value is Credential =>
  isJsonObject(value) && isText(value.key) && isText(value.secret);

/** A text that is not empty: with an empty secret, anybody could sign. */
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** Reads a setting from an app's JSON, else from `fallback`. */
const jsonSource = (app: JsonObject, place: string, fallback: Source): Source => ({
  nameOf: (setting) =>
    textAt(app, setting) === undefined ? fallback.nameOf(setting) : `${place}.${setting.key ?? ''}`,
  textOf: (setting) => textAt(app, setting) ?? fallback.textOf(setting),
});

function textAt(app: JsonObject, { key = '' }: Setting<unknown>): string | undefined {
  const value = key
    .split('.')
    .reduce<unknown>((at, name) => (isJsonObject(at) && Object.hasOwn(at, name) ? at[name] : undefined), app);
  if (value === undefined || value === null) return undefined;
  return Array.isArray(value)
    ? value.map(String).join(',')
    : typeof value === 'string'
      ? value
      : JSON.stringify(value);
}

function build(id: string, credentials: App['credentials'], source: Source, problems: string[]): App {
  const { enabled: isRateLimited, ...rateLimiting } = readAll(RATE_LIMITING, source, problems);
  return Object.freeze({
    id,
    credentials,
    ...readAll(APP_OPTIONS, source, problems),
    rateLimiting: isRateLimited ? rateLimiting : undefined,
    limits: withEventDataLimit(readAll(APP_LIMITS, source, problems), source),
  });
}

/** Raises the limit of an event's data to a raised `REVERB_MAX_REQUEST_SIZE`, unless it has a value of its own. */
function withEventDataLimit(limits: App['limits'], source: Source): App['limits'] {
  if (source.textOf(APP_LIMITS.eventDataBytes) !== undefined || limits.eventDataBytes >= limits.requestBytes)
    return limits;
  const raised = source.textOf(APP_LIMITS.requestBytes) !== undefined;
  return raised ? { ...limits, eventDataBytes: limits.requestBytes } : limits;
}
