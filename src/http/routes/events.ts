import { publish } from '../../core/channels/publish.ts';
import type { Api, ApiRequest } from './api.ts';
import { attributesIfKnown, checkInfo } from './attributes.ts';
import { once } from '../idempotency.ts';
import { eventRequest, parseBody } from './schemas.ts';

/** `POST /events` (SPEC 8.4): publishes one event to its channels. */
export async function events(api: Api, call: ApiRequest): Promise<object> {
  const { app, body, receivedAtMs, traced } = call;
  const event = eventRequest(app, parseBody(body));
  for (const channel of event.channels) checkInfo(app, channel, event.info);
  traced?.asks([event]);
  return once(api, call, 'events', async (onceRequest) => {
    await publish(api, app, event, { source: 'http', receivedAtMs, once: onceRequest, traced });
    if (event.info.size === 0) return {};
    const found = event.channels.map(
      async (channel) => [channel, await attributesIfKnown(api, app, channel, event.info)] as const,
    );
    return { channels: Object.fromEntries(await Promise.all(found)) };
  });
}
