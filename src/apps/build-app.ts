import type { App } from '../core/app.ts';
import { readSettings, type SettingSource } from '../settings/settings.ts';
import { APP_LIMITS } from './limits.ts';
import { APP_OPTIONS, RATE_LIMITING } from './options.ts';
import { readEndpoints } from './webhooks/endpoints.ts';
import type { GivenEndpoint } from './webhooks/given.ts';

/** Builds an app; its options and limits come from `source`, and its endpoints unless they are given. */
export function buildApp(
  id: string,
  credentials: App['credentials'],
  source: SettingSource,
  problems: string[],
  endpoints?: readonly GivenEndpoint[],
): App {
  const { enabled: isRateLimited, ...rateLimiting } = readSettings(RATE_LIMITING, source, problems);
  return Object.freeze({
    id,
    credentials,
    ...readSettings(APP_OPTIONS, source, problems),
    rateLimiting: isRateLimited ? rateLimiting : undefined,
    limits: withEventDataLimit(readSettings(APP_LIMITS, source, problems), source),
    webhooks: readEndpoints(id, endpoints, source, problems),
  });
}

/** Raises the limit of an event's data to a raised `REVERB_MAX_REQUEST_SIZE`, unless it has a value of its own. */
function withEventDataLimit(limits: App['limits'], source: SettingSource): App['limits'] {
  if (source.textOf(APP_LIMITS.eventDataBytes) !== undefined || limits.eventDataBytes >= limits.requestBytes)
    return limits;
  const raised = source.textOf(APP_LIMITS.requestBytes) !== undefined;
  return raised ? { ...limits, eventDataBytes: limits.requestBytes } : limits;
}
