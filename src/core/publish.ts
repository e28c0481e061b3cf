import { encode } from '#protocol';
import type { App } from './app.ts';
import type { Hub } from './hub.ts';
import { retentionOf } from './retention.ts';
import { type Broker, Unavailable } from './ports.ts';

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

/** SPEC 8.5: several events in their order. A channel that is behind refuses all of them. */
export async function publishAll(
  { hub, broker }: Needs,
  app: App,
  publications: readonly Publication[],
): Promise<void> {
  if (publications.some(({ channels }) => channels.some((channel) => hub.isBehind({ app: app.id, channel }))))
    throw new Unavailable('The channel cannot take more events now.');
  for (const run of runs(publications)) {
    await Promise.all(run.map((publication) => send(broker, app, publication)));
  }
}

/** What goes to the same channels one after another goes together: the broker keeps the order of a channel. */
function runs(publications: readonly Publication[]): Publication[][] {
  const found: Publication[][] = [];
  for (const publication of publications) {
    const run = found.at(-1);
    if (run?.[0]?.channels.join() === publication.channels.join()) run.push(publication);
    else found.push([publication]);
  }
  return found;
}

async function send(
  broker: Broker,
  app: App,
  { name, dataJson, channels, except }: Publication,
): Promise<void> {
  await Promise.all(
    [...new Set(channels)].map((channel) => {
      const payload = encode.event(name, dataJson, channel);
      return broker.publish({ app: app.id, channel }, { payload, except }, retentionOf(app, channel));
    }),
  );
}
