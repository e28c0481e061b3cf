import { encode } from '#protocol';
import type { App } from '../app.ts';
import type { Hub } from './hub.ts';
import { retentionOf } from './retention.ts';
import type { Broker } from '../ports/cluster.ts';
import { SlowSubscribers, OutcomeUnknown, Unavailable } from '../ports/failures.ts';

export interface Publication {
  readonly name: string;
  /** JSON text of `data`, as it will stand in the frame. */
  readonly dataJson: string;
  readonly channels: readonly string[];
  /** Socket id of the publisher, who must not receive it. */
  readonly except?: string | undefined;
}

interface PublishDeps {
  readonly hub: Hub;
  readonly broker: Broker;
}

/**
 * SPEC 3.13: one event to several channels, each named once. Resolves when the broker has taken it; rejects with
 * `Unavailable`, nothing sent, when the sockets of one of the channels are hopelessly behind.
 */
export const publish = (needs: PublishDeps, app: App, publication: Publication): Promise<void> =>
  publishAll(needs, app, [publication]);

/**
 * SPEC 8.5: several events in their order. A channel that is behind refuses all of them.
 * Rejects with `Unavailable` when nothing was taken, with `OutcomeUnknown` when a part was or may have been.
 * What goes to the same channels one after another goes together: the broker keeps the order of a channel.
 */
export async function publishAll(
  { hub, broker }: PublishDeps,
  app: App,
  publications: readonly Publication[],
): Promise<void> {
  if (publications.some(({ channels }) => channels.some((channel) => hub.isBehind({ app: app.id, channel }))))
    throw new SlowSubscribers('The channel cannot take more events now.');
  let sent: Promise<void>[] = [];
  let before: readonly string[] = [];
  let isFirst = true;
  for (const publication of publications) {
    if (sent.length > 0 && !isSame(before, publication.channels)) {
      await allTaken(sent, isFirst);
      isFirst = false;
      sent = [];
    }
    before = publication.channels;
    for (const channel of new Set(before)) sent.push(send(broker, app, publication, channel));
  }
  await (sent.length === 1 && isFirst ? sent[0] : allTaken(sent, isFirst));
}

/** `isFirst`: nothing else of the same request was taken before. */
async function allTaken(sent: readonly Promise<void>[], isFirst: boolean): Promise<void> {
  const outcomes = await Promise.allSettled(sent);
  const reasons = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason as Error] : [],
  );
  if (reasons.length === 0) return;
  const isKnown = (reason: Error): boolean =>
    reason instanceof Unavailable || reason instanceof OutcomeUnknown;
  const defect = reasons.find((reason) => !isKnown(reason));
  if (defect !== undefined) throw defect;
  const isNothing = isFirst && reasons.length === sent.length;
  if (isNothing && reasons.every((reason) => reason instanceof Unavailable)) throw reasons[0] as Error;
  throw new OutcomeUnknown('A part of it was taken.', { cause: reasons[0] });
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
