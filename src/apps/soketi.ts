/** Apps as soketi keeps them, translated to the keys of an app here. */
import { isJsonObject, type JsonObject } from '#protocol';
import { boolean } from '../settings/settings.ts';

/** Seconds that soketi gives a client of an app with `enableUserAuthentication`. */
const SOKETI_AUTHORIZE_WITHIN = 30;

/** Value of a key here for soketi's value; a value that is not understood stays as it is, and is refused where it is read. */
type Reading = (value: unknown) => unknown;

const same: Reading = (value) => value;
const noLimitBelow =
  (least: number): Reading =>
  (value) =>
    Number(value) < least ? 0 : value;
const bytesOfKilobytes: Reading = (value) => (Number(value) >= 0 ? Math.floor(Number(value) * 1024) : value);
const either =
  (ifTrue: unknown, ifFalse: unknown): Reading =>
  (value) => {
    const isTrue = boolean.parse(String(value));
    return isTrue === undefined ? value : isTrue ? ifTrue : ifFalse;
  };

/** Keys of soketi in snake case, as its SQL tables have them, with the key here. */
const COUNTERPARTS: Readonly<Record<string, readonly [key: string, reading: Reading]>> = {
  id: ['app_id', same],
  app_key: ['key', same],
  app_secret: ['secret', same],
  max_connections: ['max_connections', noLimitBelow(1)],
  enable_client_messages: ['accept_client_events_from', either('members', 'none')],
  max_client_events_per_sec: ['max_client_events_per_second', noLimitBelow(0)],
  max_client_events_per_second: ['max_client_events_per_second', noLimitBelow(0)],
  max_presence_members_per_channel: ['max_presence_members', same],
  max_presence_member_size_in_kb: ['max_user_info_size', bytesOfKilobytes],
  max_event_channels_at_once: ['max_channels_per_event', same],
  max_event_payload_in_kb: ['max_event_data_size', bytesOfKilobytes],
  max_event_batch_size: ['max_batch_size', same],
  enable_user_authentication: ['authorize_within', either(SOKETI_AUTHORIZE_WITHIN, 0)],
};

/** Limits for which 0 means "nothing is allowed" in soketi, and "no limit" here. */
const NOTHING_AT_ZERO =
  /^max_(client_events|presence_member|channel_name|event_(channels|name|payload|batch))/;

/** Keys without a counterpart, and the value with which they do nothing. */
const WITHOUT_EFFECT: Readonly<Record<string, (value: unknown) => boolean>> = {
  max_backend_events_per_sec: (value) => Number(value) < 0,
  max_backend_events_per_second: (value) => Number(value) < 0,
  max_read_req_per_sec: (value) => Number(value) < 0,
  max_read_requests_per_second: (value) => Number(value) < 0,
};

/** True for an app with `id` (`AppId` in DynamoDB) where Reverb's apps have `app_id`. */
const isSoketiApp = (app: JsonObject): boolean =>
  app.app_id === undefined && (app.id !== undefined || app.AppId !== undefined);

/** The list of apps with soketi's apps translated; all other values stay as they are. */
export const translateSoketiApps = (apps: unknown, from: string, problems: string[]): unknown =>
  Array.isArray(apps)
    ? apps.map((app: unknown, at) =>
        isJsonObject(app) && isSoketiApp(app) ? translateSoketiApp(app, `${from}[${at}]`, problems) : app,
      )
    : apps;

/** One app of soketi. `place`: begins the name of each of its keys in `problems`. */
export function translateSoketiApp(app: JsonObject, place: string, problems: string[]): JsonObject {
  const filled = Object.entries(app).filter(([, value]) => value !== null && value !== '');
  return Object.fromEntries(
    filled.flatMap(([given, value]) => {
      const name = snakeCase(given);
      if (WITHOUT_EFFECT[name]?.(value) === true) return [];
      if (NOTHING_AT_ZERO.test(name) && Number(value) === 0)
        problems.push(`${place}.${given}=0: expected 1 or more, because 0 means here that there is no limit`);
      const [key, reading] = COUNTERPARTS[name] ?? [name, same];
      return [[key, reading(value)]];
    }),
  );
}

/** `maxConnections` and `MaxConnections` as `max_connections`. */
const snakeCase = (key: string): string => key.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();

/** The apps of soketi's configuration file, and the names of its other options; `undefined` for any other file. */
export function soketiFileIn(
  value: JsonObject,
): { readonly apps: unknown; readonly others: readonly string[] } | undefined {
  const manager = value.appManager;
  const nested = isJsonObject(manager) && isJsonObject(manager.array) ? manager.array.apps : undefined;
  const apps = value[APPS_PATH] ?? nested;
  if (apps === undefined) return undefined;
  return { apps, others: Object.keys(value).filter((key) => key !== APPS_PATH && key !== 'appManager') };
}

const APPS_PATH = 'appManager.array.apps';
