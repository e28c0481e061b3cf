import { isJsonObject, type JsonObject } from '#protocol';
import { APP_LIMITS } from './limits.ts';
import { APP_OPTIONS, RATE_LIMITING } from './options.ts';

/** Keys of an app that are no settings: its names, and what Reverb's config keeps for Laravel's own client. */
const OTHER_KEYS = ['app_id', 'key', 'secret', 'credentials', 'options', 'name'];

/** Every key that an app in JSON may have; `a.b` is `b` within `a`. */
export const APP_KEYS: ReadonlySet<string> = new Set([
  ...OTHER_KEYS,
  ...[APP_OPTIONS, APP_LIMITS, RATE_LIMITING].flatMap((group) =>
    Object.values(group).flatMap(({ key }) => (key === undefined ? [] : [key])),
  ),
]);

/** Keys of `servers.reverb` that are not read, and the variable that is. */
const SERVER_KEYS: Readonly<Record<string, string>> = {
  host: 'REVERB_SERVER_HOST',
  port: 'REVERB_SERVER_PORT',
  path: 'REVERB_SERVER_PATH',
  hostname: 'REVERB_HOST',
};

/** Names the keys of apps in JSON, or of a whole `config("reverb")`, that have no effect: a sentence for each. */
export function ignoredIn(value: unknown, from: string): string[] {
  const whole = isJsonObject(value) ? value : undefined;
  const apps = isJsonObject(whole?.apps) ? whole.apps.apps : value;
  const unknown = new Set(
    (Array.isArray(apps) ? apps : []).filter(isJsonObject).flatMap((app) => keysOf(app)),
  );
  return [
    ...[...unknown]
      .filter((key) => !APP_KEYS.has(key))
      .map((key) => `${from}: the key "${key}" of an app is not known`),
    ...serverIgnored(whole, from),
  ];
}

const keysOf = (app: JsonObject): string[] =>
  Object.entries(app).flatMap(([key, value]) =>
    key === 'rate_limiting' && isJsonObject(value)
      ? Object.keys(value).map((inner) => `${key}.${inner}`)
      : [key],
  );

function serverIgnored(whole: JsonObject | undefined, from: string): string[] {
  const server = reverbServer(whole);
  if (server === undefined) return [];
  const said = Object.entries(SERVER_KEYS).filter(
    ([key]) => server[key] !== undefined && server[key] !== null && server[key] !== '',
  );
  const scaling = isJsonObject(server.scaling) && server.scaling.enabled === true;
  return [
    ...said.map(([key, variable]) => `${from}: servers.reverb.${key} is not read; ${variable} is`),
    ...(scaling
      ? [`${from}: servers.reverb.scaling is not read; REVERB_SCALING_ENABLED and REDIS_* are`]
      : []),
  ];
}

/** `servers.reverb` of a whole `config("reverb")`. */
const reverbServer = (whole: unknown): JsonObject | undefined =>
  isJsonObject(whole) && isJsonObject(whole.servers) && isJsonObject(whole.servers.reverb)
    ? whole.servers.reverb
    : undefined;

/** Reverb's own default, which says nothing: ours is larger. */
const REVERBS_REQUEST_BYTES = 10_000;

/** `max_request_size` of a whole `config("reverb")`, where somebody has changed it. */
export function requestSizeIn(value: unknown): Record<string, string> {
  const size = reverbServer(value)?.max_request_size;
  if (size === undefined || size === null || Number(size) === REVERBS_REQUEST_BYTES) return {};
  return { REVERB_MAX_REQUEST_SIZE: typeof size === 'string' ? size : JSON.stringify(size) };
}
