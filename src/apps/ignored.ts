import { isJsonObject, type JsonObject } from '#protocol';
import { APP_LIMITS } from './limits.ts';
import { APP_OPTIONS, RATE_LIMITING } from './options.ts';
import type { ReverbConfig } from './reverb-config.ts';

/** Keys of an app that are not settings: its credentials, its webhooks, and the options of Laravel's own client. */
const OTHER_KEYS = ['app_id', 'key', 'secret', 'credentials', 'webhooks', 'options', 'name'];

/** Every key that an app in JSON may have; `a.b` is `b` within `a`. */
export const APP_KEYS: ReadonlySet<string> = new Set([
  ...OTHER_KEYS,
  ...[APP_OPTIONS, APP_LIMITS, RATE_LIMITING].flatMap((group) =>
    Object.values(group).flatMap(({ key }) => (key === undefined ? [] : [key])),
  ),
]);

/** Keys of `servers.reverb` that are ignored, and the variable to set instead. */
const SERVER_KEYS: Readonly<Record<string, string>> = {
  host: 'REVERB_SERVER_HOST',
  port: 'REVERB_SERVER_PORT',
  path: 'REVERB_SERVER_PATH',
  hostname: 'REVERB_HOST',
};

/** Keys of soketi's apps without a counterpart, and the reason. */
const SOKETI_KEYS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      'backend_events_per_sec',
      'backend_events_per_second',
      'read_req_per_sec',
      'read_requests_per_second',
    ].map((name) => [
      `max_${name}`,
      'the limit of requests here is max_requests_per_second, for all of them',
    ]),
  ),
};

/** A warning for each key of an app, of `servers.reverb`, or of soketi's file, that has no effect. */
export function ignoredKeys({ apps, server, soketiOptions = [] }: ReverbConfig, from: string): string[] {
  const keys = new Set((Array.isArray(apps) ? apps : []).filter(isJsonObject).flatMap((app) => keysOf(app)));
  return [
    ...[...keys]
      .filter((key) => !APP_KEYS.has(key))
      .map((key) => `${from}: the key "${key}" of an app is ${reasonOf(key)}`),
    ...ignoredServerKeys(server, from),
    ...(soketiOptions.length === 0
      ? []
      : [
          `${from}: only the apps of soketi's file are read, not ${soketiOptions.map((name) => `"${name}"`).join(', ')}: docs/coming-from-soketi.md has the variables`,
        ]),
  ];
}

const reasonOf = (key: string): string =>
  SOKETI_KEYS[key] === undefined ? 'not known, and is ignored' : `ignored: ${SOKETI_KEYS[key]}`;

const keysOf = (app: JsonObject): string[] =>
  Object.entries(app).flatMap(([key, value]) =>
    key === 'rate_limiting' && isJsonObject(value)
      ? Object.keys(value).map((inner) => `${key}.${inner}`)
      : [key],
  );

function ignoredServerKeys(server: JsonObject | undefined, from: string): string[] {
  if (server === undefined) return [];
  const given = Object.entries(SERVER_KEYS).filter(
    ([key]) => server[key] !== undefined && server[key] !== null && server[key] !== '',
  );
  const scaling = isJsonObject(server.scaling) && server.scaling.enabled === true;
  return [
    ...given.map(([key, variable]) => `${from}: servers.reverb.${key} is ignored: set ${variable}`),
    ...(scaling
      ? [`${from}: servers.reverb.scaling is ignored: set REVERB_SCALING_ENABLED and REDIS_*`]
      : []),
  ];
}
