import { encode, kindOf } from '#protocol';
import type { App } from './app.ts';
import type { Hub } from './hub.ts';
import { type Broker, type ChannelRef, Unavailable } from './ports.ts';

export interface Publication {
  readonly name: string;
  /** JSON text of `data`, as it will stand in the frame. */
  readonly dataJson: string;
  readonly channels: readonly string[];
  /** Socket id of the publisher, who must not receive it. */
  readonly except?: string | undefined;
}

interface Needs {
  readonly hub: Hub;
  readonly broker: Broker;
}

/**
 * SPEC 3.13: one event to several channels, each named once. Resolves when the broker has taken it; rejects with
 * `Unavailable`, nothing sent, when the sockets of one of the channels are hopelessly behind.
 */
export async function publish({ hub, broker }: Needs, app: App, publication: Publication): Promise<void> {
  const { name, dataJson, except } = publication;
  const refs = [...new Set(publication.channels)].map((channel): ChannelRef => ({ app: app.id, channel }));
  if (refs.some((ref) => hub.isBehind(ref)))
    throw new Unavailable('The channel cannot take more events now.');
  await Promise.all(
    refs.map((ref) => {
      const payload = encode.event(name, dataJson, ref.channel);
      const keep = kindOf(ref.channel).cached ? { size: 1, ttlSeconds: app.cacheTtlSeconds } : undefined;
      return broker.publish(ref, { payload, except }, keep);
    }),
  );
}
