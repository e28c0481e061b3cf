import { encode } from '#protocol';
import type { App } from './app.ts';
import type { Hub } from './hub.ts';
import { retentionOf } from './retention.ts';
import { Behind, type Broker } from './ports.ts';

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
export const publish = (needs: Needs, app: App, publication: Publication): Promise<void> =>
  publishAll(needs, app, [publication]);

/**
 * SPEC 8.5: several events in their order. A channel that is behind refuses all of them.
 * What goes to the same channels one after another goes together: the broker keeps the order of a channel.
 */
export async function publishAll(
  { hub, broker }: Needs,
  app: App,
  publications: readonly Publication[],
): Promise<void> {
  if (publications.some(({ channels }) => channels.some((channel) => hub.isBehind({ app: app.id, channel }))))
    throw new Behind('The channel cannot take more events now.');
  let sent: Promise<void>[] = [];
  let before: readonly string[] = [];
  for (const publication of publications) {
    if (sent.length > 0 && !isSame(before, publication.channels)) {
      await Promise.all(sent);
      sent = [];
    }
    before = publication.channels;
    for (const channel of new Set(before)) sent.push(send(broker, app, publication, channel));
  }
  await (sent.length === 1 ? sent[0] : Promise.all(sent));
}

const isSame = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((channel, at) => channel === others[at]);

function send(
  broker: Broker,
  app: App,
  { name, dataJson, except }: Publication,
  channel: string,
): Promise<void> {
  const payload = encode.event(name, dataJson, channel);
  return broker.publish({ app: app.id, channel }, { payload, except }, retentionOf(app, channel));
}
