import { publishAll } from '../../core/channels/publish.ts';
import type { Api, ApiRequest } from './api.ts';
import { attributesIfKnown, checkInfo } from './attributes.ts';
import { once } from '../idempotency.ts';
import { batchRequest, parseBody } from './schemas.ts';

/** `POST /batch_events` (SPEC 8.5): publishes in the order of the batch. If any event has `info`, the answer has one item for each event; otherwise it is `{}`. */
export async function batchEvents(api: Api, call: ApiRequest): Promise<object> {
  const { app, body, receivedAtMs, traced } = call;
  const batch = batchRequest(app, parseBody(body));
  for (const { channels, info } of batch) for (const channel of channels) checkInfo(app, channel, info);
  traced?.asks(batch);
  return once(api, call, 'batch_events', async (onceRequest) => {
    await publishAll(api, app, batch, { source: 'batch', receivedAtMs, once: onceRequest, traced });
    if (batch.every(({ info }) => info.size === 0)) return {};
    return {
      batch: await Promise.all(
        batch.map(({ channels: [channel = ''], info }) => attributesIfKnown(api, app, channel, info)),
      ),
    };
  });
}
