import type { Site } from '../site.ts';
import type { SetUp } from './set-up.ts';

const ORDERS = 'private-orders';

/** A page on a channel that sends client events to one. */
const sending =
  (channel: string, { subscribes = channel, events = 1, bytes = 1 } = {}) =>
  async ({ pageOn }: Site): Promise<readonly string[]> => {
    const page = await pageOn(subscribes);
    for (let sent = 0; sent < events; sent += 1)
      page.send_event('client-typing', { text: 'x'.repeat(bytes) }, channel);
    return ['--channel', channel];
  };

/** Faults of client events (whispers). */
export const CLIENT_EVENTS: readonly SetUp[] = [
  {
    fault: 'a client event to a channel on which the page is not',
    cause: 'client_event_refused',
    says: /^1 client event to private-orders refused \(client_event\), .*, socket \d+\.\d+ from 127\.0\.0\.1: The client is not a member of the specified channel\.$/,
    plant: sending(ORDERS, { subscribes: 'private-other' }),
  },
  {
    fault: 'a client event to a public channel',
    cause: 'client_event_refused',
    says: /: Client events are not allowed on this kind of channel\.$/,
    env: { WAVEHALL_CLIENT_EVENTS_ON_PUBLIC: 'false' },
    plant: sending('orders'),
  },
  {
    fault: 'client events are not enabled',
    cause: 'client_event_refused',
    says: /: The app does not have client messaging enabled\.$/,
    env: { REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM: 'none' },
    plant: sending(ORDERS),
  },
  {
    fault: 'more client events than a client may send',
    cause: 'client_event_refused',
    says: /^2 client events to private-orders refused \(client_event_rate\), .*: more than WAVEHALL_MAX_CLIENT_EVENTS_PER_SECOND$/,
    env: { WAVEHALL_MAX_CLIENT_EVENTS_PER_SECOND: '1' },
    plant: sending(ORDERS, { events: 3 }),
  },
  {
    fault: 'a client event that is too large',
    cause: 'client_event_refused',
    says: /\(message_size\), .*: a message is larger than REVERB_APP_MAX_MESSAGE_SIZE$/,
    plant: sending(ORDERS, { bytes: 20_000 }),
  },
  {
    fault: 'a client event that only its sender could get',
    cause: 'sender_only',
    says: /^excluded: the only subscriber is the sender \(toOthers\), socket \d+\.\d+$/,
    plant: sending(ORDERS),
  },
];
