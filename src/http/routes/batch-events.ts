import { publishAll } from '../../core/channels/publish.ts';
import type { Api, ApiRequest } from './api.ts';
import { attributesIfKnown, checkInfo } from './attributes.ts';
import { batchRequest, parseBody } from './schemas.ts';

/** `POST /batch_events` (SPEC 8.5): publishes in the order of the batch. If any event has `info`, the answer has one item for each event; otherwise it is `{}`. */
export async function batchEvents(api: Api, { app, body, receivedAtMs }: ApiRequest): Promise<object> {
  const batch = batchRequest(app, parseBody(body));
  for (const { channels, info } of batch) for (const channel of channels) checkInfo(app, channel, info);
  await publishAll(api, app, batch, { source: 'batch', receivedAtMs });
  if (batch.every(({ info }) => info.size === 0)) return {};
  return {
    batch: await Promise.all(
      batch.map(({ channels: [channel = ''], info }) => attributesIfKnown(api, app, channel, info)),
    ),
  };
}
