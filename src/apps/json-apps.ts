import { type Credential, isJsonObject, type JsonObject } from '#protocol';
import type { App } from '../core/app.ts';
import { environmentSource, type Setting, type SettingSource, type Variables } from '../settings/settings.ts';
import { buildApp } from './build-app.ts';
import { endpointsOfJson } from './webhooks/sources.ts';

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

/** One app of such a list. `place`: begins the name of each of its keys in `problems`. */
export function appFromJson(app: JsonObject, place: string, variables: Variables, problems: string[]): App {
  const [id, key, secret] = ['app_id', 'key', 'secret'].map((name) => {
    const value = app[name];
    if (isFilledText(value) || typeof value === 'number') return String(value);
    problems.push(`${place}.${name}: expected a text`);
    return '';
  }) as [string, string, string];
  const older = olderCredentialsIn(app.credentials ?? []);
  if (older === undefined) problems.push(`${place}.credentials: expected a list of {"key": …, "secret": …}`);
  return buildApp(
    id,
    [{ key, secret }, ...(older ?? [])],
    jsonSource(app, place, environmentSource(variables)),
    problems,
    endpointsOfJson(app.webhooks, `${place}.webhooks`, problems),
  );
}

const olderCredentialsIn = (value: unknown): readonly Credential[] | undefined =>
  Array.isArray(value) && value.every(isCredential) ? value : undefined;

const isCredential = (value: unknown): value is Credential =>
  isJsonObject(value) && isFilledText(value.key) && isFilledText(value.secret);

/** True for a text that is not empty: with an empty secret, anybody could sign. */
const isFilledText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** Reads a setting from an app's JSON, else from `fallback`. */
const jsonSource = (app: JsonObject, place: string, fallback: SettingSource): SettingSource => ({
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
