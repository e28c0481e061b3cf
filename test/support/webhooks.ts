import { type Received, startReceiver } from '../webhooks/receiver.ts';
import { APP } from './app.ts';
import { eventually } from './wire.ts';

export const CHANNEL_EVENTS = [
  'channel_occupied',
  'channel_vacated',
  'member_added',
  'member_removed',
  'client_event',
  'cache_miss',
  'subscription_count',
] as const;

export const OTHER_EVENTS = [
  'connection_opened',
  'connection_closed',
  'user_online',
  'user_offline',
] as const;

/** An event as its receiver reads it. */
export interface WebhookEvent {
  readonly name: string;
  readonly channel?: string;
  readonly user_id?: string;
  readonly [field: string]: unknown;
}

/** One endpoint in the JSON of an app. */
export interface EndpointJson {
  readonly name: string;
  readonly url: string;
  readonly event_types: readonly string[];
}

/** Variables of a server whose app has these endpoints, at addresses of this machine. */
export const webhookVariables = (
  endpoints: readonly EndpointJson[],
  smoothingMs = 300,
): Record<string, string> => ({
  WAVEHALL_APPS: JSON.stringify([{ app_id: APP.id, key: APP.key, secret: APP.secret, webhooks: endpoints }]),
  WAVEHALL_WEBHOOK_ALLOW_PRIVATE: 'true',
  REVERB_WEBHOOK_DISCONNECT_SMOOTHING_MS: `${smoothingMs}`,
});

/** A receiver with its endpoint, and what has arrived there. */
export async function startEndpoint(name: string, eventTypes: readonly string[]) {
  const receiver = await startReceiver();
  const events = (): WebhookEvent[] => receiver.requests.flatMap(eventsOf);
  return {
    receiver,
    events,
    json: { name, url: receiver.url, event_types: eventTypes } satisfies EndpointJson,
    /** Resolves with the first event that fits. */
    arrived: async (fits: Partial<WebhookEvent>, limitMs = 10_000): Promise<WebhookEvent> => {
      const find = () => events().find((event) => isLike(event, fits));
      const what = () => `${JSON.stringify(fits)} arrives at ${name}: ${JSON.stringify(events())}`;
      await eventually(() => find() !== undefined, what, limitMs);
      return find()!;
    },
    close: (): void => receiver.close(),
  };
}

export type TestEndpoint = Awaited<ReturnType<typeof startEndpoint>>;

export const eventsOf = ({ body }: Received): WebhookEvent[] =>
  (JSON.parse(body) as { events: WebhookEvent[] }).events;

const isLike = (event: WebhookEvent, fits: Partial<WebhookEvent>): boolean =>
  Object.entries(fits).every(([field, value]) => event[field] === value);
