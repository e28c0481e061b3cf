import { isJsonObject } from '#protocol';
import { readSettings, type Setting, type SettingSource } from '../../settings/settings.ts';
import type { GivenEndpoint } from './given.ts';
import { ENDPOINT_SETTINGS } from './settings.ts';

/** The endpoint of the variables; none without a URL. */
export function endpointOfVariables(source: SettingSource, problems: string[]): GivenEndpoint[] {
  const { url, eventTypes, channelPrefix, channelSuffix, subscriptionCount } = readSettings(
    ENDPOINT_SETTINGS,
    source,
    problems,
  );
  if (url === undefined) return [];
  const filter = { channel_name_starts_with: channelPrefix, channel_name_ends_with: channelSuffix };
  const fields = { url, event_types: eventTypes, filter, subscription_count: subscriptionCount };
  return [{ fields, placeOf: (field) => (VARIABLES[field] ?? ENDPOINT_SETTINGS.url).name }];
}

const VARIABLES: Readonly<Record<string, Setting<unknown>>> = {
  event_types: ENDPOINT_SETTINGS.eventTypes,
  filter: ENDPOINT_SETTINGS.channelPrefix,
};

/** The endpoints in an app's JSON: a list, also as JSON text, as soketi's SQL tables have it. `undefined`: the app has no such key. */
export function endpointsOfJson(
  given: unknown,
  place: string,
  problems: string[],
): GivenEndpoint[] | undefined {
  if (given === undefined || given === null) return undefined;
  const all = typeof given === 'string' ? parsed(given) : given;
  if (!Array.isArray(all)) {
    problems.push(`${place}: expected a list of endpoints`);
    return [];
  }
  return all.flatMap((fields: unknown, at) => {
    if (!isJsonObject(fields)) problems.push(`${place}[${at}]: expected an object`);
    return isJsonObject(fields) ? [{ fields, placeOf: (field) => `${place}[${at}].${field}` }] : [];
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
