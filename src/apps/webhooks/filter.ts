import { isJsonObject } from '#protocol';
import type { GivenEndpoint } from './given.ts';

const KEYS = { channel_name_starts_with: 'channelPrefix', channel_name_ends_with: 'channelSuffix' } as const;

/** The filter of an endpoint, in soketi's names; both parts must fit a channel. PHP writes an empty list for an empty array. */
export function readFilter(
  { fields, placeOf }: GivenEndpoint,
  hasChannels: boolean,
  problems: string[],
): { readonly channelPrefix: string; readonly channelSuffix: string } {
  const filter = { channelPrefix: '', channelSuffix: '' };
  const given = fields.filter ?? {};
  const entries = isJsonObject(given) ? Object.entries(given) : [];
  if (!(isJsonObject(given) || (Array.isArray(given) && given.length === 0)) || !entries.every(isKnown))
    problems.push(
      `${placeOf('filter')}: expected an object of texts with ${Object.keys(KEYS).join(' and ')}`,
    );
  for (const [key, value] of entries.filter(isKnown)) filter[KEYS[key as keyof typeof KEYS]] = value ?? '';
  if (!hasChannels && filter.channelPrefix + filter.channelSuffix !== '')
    problems.push(`${placeOf('filter')}: expected none, because these events have no channel`);
  return filter;
}

const isKnown = (entry: [string, unknown]): entry is [string, string | null] =>
  Object.hasOwn(KEYS, entry[0]) && (entry[1] === null || typeof entry[1] === 'string');
