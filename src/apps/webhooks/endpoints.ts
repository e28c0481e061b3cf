import type { WebhookEndpoint } from '../../core/app.ts';
import { readSettings, type SettingSource, shownText } from '../../settings/settings.ts';
import { haveChannels, readEventTypes } from './event-types.ts';
import { readFilter } from './filter.ts';
import { type GivenEndpoint, shownValue } from './given.ts';
import { headersIn } from './headers.ts';
import { ALLOW_PRIVATE_SETTING } from './private-addresses.ts';
import { endpointOfVariables } from './sources.ts';
import { endpointUrlIn, isQueue } from './url.ts';

/** Keys of an endpoint; any other is refused, because an endpoint that sends more than was meant would not be noticed. */
const KEYS = new Set(['url', 'name', 'event_types', 'filter', 'headers', 'subscription_count']);

/** Keys of others, and what to do instead. */
const FOREIGN_KEYS: Readonly<Record<string, string>> = {
  lambda_function: 'a url, because functions of AWS Lambda are not called here: give the function a URL',
  lambda: 'a url, because functions of AWS Lambda are not called here',
};

const NAME = /^[\w.-]{1,64}$/;

/** The endpoints of an app: those that are given, else the one of the variables. */
export function readEndpoints(
  appId: string,
  given: readonly GivenEndpoint[] | undefined,
  source: SettingSource,
  problems: string[],
): readonly WebhookEndpoint[] {
  // An invalid value is reported where the settings of the server are read.
  const { webhookPrivateNetworks } = readSettings(ALLOW_PRIVATE_SETTING, source, []);
  const ofVariables = endpointOfVariables(source, problems);
  return (given ?? ofVariables).flatMap((each, at) =>
    readEndpoint(each, `${appId}-${at + 1}`, webhookPrivateNetworks, problems),
  );
}

/** Checks an endpoint. A problem is added for each part that is wrong; the configuration is then refused as a whole. */
function readEndpoint(
  given: GivenEndpoint,
  usualName: string,
  allowed: readonly string[],
  problems: string[],
): WebhookEndpoint[] {
  checkKeys(given, problems);
  const url = readUrl(given, allowed, problems);
  if (url === undefined) return [];
  const eventTypes = readEventTypes(given, problems);
  const filter = readFilter(given, haveChannels(eventTypes) !== 'none', problems);
  const name = readName(given, usualName, problems);
  const headers = readHeaders(given, url, problems);
  return [Object.freeze({ name, url, eventTypes, ...filter, headers })];
}

function checkKeys({ fields, placeOf }: GivenEndpoint, problems: string[]): void {
  for (const key of Object.keys(fields).filter((each) => !KEYS.has(each)))
    problems.push(
      `${placeOf(key)}: expected ${FOREIGN_KEYS[key] ?? `no such key; there are ${[...KEYS].join(', ')}`}`,
    );
}

function readUrl(
  { fields, placeOf }: GivenEndpoint,
  allowed: readonly string[],
  problems: string[],
): URL | undefined {
  const given = fields.url;
  if (given === undefined && Object.keys(fields).some((key) => key in FOREIGN_KEYS)) return undefined;
  const url = endpointUrlIn(given, allowed);
  if (typeof url !== 'string') return url;
  problems.push(`${placeOf('url')}=${shownUrl(given)}: expected ${url}`);
  return undefined;
}

/** Everything that may be a password is left out. */
const shownUrl = (given: unknown): string =>
  typeof given === 'string' ? shownText(given.replace(/\?.*$/s, '?(not shown)')) : shownValue(given);

function readName({ fields, placeOf }: GivenEndpoint, usualName: string, problems: string[]): string {
  const { name } = fields;
  if (name === undefined || name === null) return usualName;
  if (typeof name === 'string' && NAME.test(name)) return name;
  problems.push(`${placeOf('name')}=${shownValue(name)}: expected at most 64 letters, digits, dots, - and _`);
  return usualName;
}

/** A job on a queue has no headers. */
function readHeaders(
  { fields, placeOf }: GivenEndpoint,
  url: URL,
  problems: string[],
): WebhookEndpoint['headers'] {
  const headers = headersIn(fields.headers, placeOf('headers'), problems);
  if (isQueue(url) && Object.keys(headers).length > 0)
    problems.push(`${placeOf('headers')}: expected none, because a job on a queue has no headers`);
  return headers;
}
