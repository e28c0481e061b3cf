import { CHANNELLESS_WEBHOOKS, hasChannel, type WebhookType } from '#protocol';
import { boolean } from '../../settings/settings.ts';
import { type GivenEndpoint, shownValue, textOf } from './given.ts';

/** Sent unless an endpoint chooses (SPEC 9.5). */
const USUAL_EVENTS = [
  'channel_occupied',
  'channel_vacated',
  'member_added',
  'member_removed',
  'client_event',
  'cache_miss',
] as const satisfies readonly WebhookType[];

/** Frequent on busy channels, and therefore sent only to an endpoint that names it. */
const COUNT_EVENT = 'subscription_count' satisfies WebhookType;

const ALL_EVENTS: readonly WebhookType[] = [...USUAL_EVENTS, COUNT_EVENT, ...CHANNELLESS_WEBHOOKS];

/** Pusher's libraries read the channel of every event: one without stops them. */
export const haveChannels = (types: readonly WebhookType[]): 'all' | 'none' | 'some' => {
  const having = types.filter(hasChannel).length;
  return having === types.length ? 'all' : having === 0 ? 'none' : 'some';
};

/** The events that an endpoint is sent: those that it names, else the usual ones; counts also by their own switch. */
export function readEventTypes(
  { fields, placeOf }: GivenEndpoint,
  problems: string[],
): readonly WebhookType[] {
  const named = namedEvents(fields.event_types, placeOf('event_types'), problems);
  const counts = boolean.parse(textOf(fields.subscription_count ?? false) ?? '');
  if (counts === undefined) problems.push(`${placeOf('subscription_count')}: expected ${boolean.expected}`);
  const chosen = named.length === 0 ? USUAL_EVENTS : named;
  const types = [...new Set<WebhookType>(counts === true ? [...chosen, COUNT_EVENT] : chosen)];
  if (haveChannels(types) === 'some')
    problems.push(
      `${placeOf('event_types')}: expected an endpoint of their own for connection_opened, connection_closed, user_online and user_offline, because they have no channel`,
    );
  return types;
}

function namedEvents(given: unknown, place: string, problems: string[]): WebhookType[] {
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given)) {
    problems.push(`${place}: expected a list of events`);
    return [];
  }
  return given.flatMap((name: unknown) => {
    const type = ALL_EVENTS.find((each) => each === name);
    if (type === undefined)
      problems.push(`${place}=${shownValue(name)}: expected one of ${ALL_EVENTS.join(', ')}`);
    return type ?? [];
  });
}
