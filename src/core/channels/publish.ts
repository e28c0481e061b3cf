import { encode, isReservedChannel } from '#protocol';
import type { App } from '../app.ts';
import type { Hub } from './hub.ts';
import { eventOf, type OnceRequest } from './once-request.ts';
import type { Publication } from './publication.ts';
import { retentionOf } from './retention.ts';
import type { Broker, ChannelRef } from '../ports/events.ts';
import type { AppTraffic, EventSource } from '../traffic/app-traffic.ts';
import type { Traffic } from '../traffic/traffic.ts';
import { SlowSubscribers, OutcomeUnknown, Unavailable } from '../ports/failures.ts';

export interface PublishDeps {
  readonly hub: Hub;
  readonly broker: Broker;
  readonly traffic: Traffic;
}

/** The request that events came with. */
export interface EventRequest {
  readonly source: EventSource;
  /** When its request was received, in `performance.now()`. */
  readonly receivedAtMs: number;
  /** `undefined`: it is published as often as it is made. */
  readonly once?: OnceRequest | undefined;
  /** Notes each event that is passed to the broker (SPEC 16.2). */
  readonly traced?: PublishedTrace | undefined;
}

interface PublishedTrace {
  /** Of the request. */
  readonly id: string;
  /** `place`: of the event in the request. */
  published(place: number, channel: string, frame: string): void;
}

/**
 * SPEC 3.13: one event to several channels, each named once. Resolves when the broker has taken it; rejects with
 * `Unavailable`, nothing sent, when the sockets of one of the channels are too far behind.
 */
export const publish = (
  deps: PublishDeps,
  app: App,
  publication: Publication,
  request: EventRequest,
): Promise<void> => publishAll(deps, app, [publication], request);

/**
 * SPEC 8.5: several events in their order. A channel that is behind refuses all of them.
 * Rejects with `Unavailable` when nothing was taken, with `OutcomeUnknown` when a part was or may have been.
 * Consecutive events to the same channels are published without waiting, since the broker keeps the order of a channel.
 * Before the channels change, the earlier ones are awaited:
 *   a → x, b → x, c → y      publish a and b, wait for both, publish c
 */
export async function publishAll(
  deps: PublishDeps,
  app: App,
  publications: readonly Publication[],
  request: EventRequest,
): Promise<void> {
  const { hub } = deps;
  if (
    publications.some(({ channels }) => channels.some((channel) => hub.hasBacklog({ app: app.id, channel })))
  )
    throw new SlowSubscribers('The channel cannot take more events now.');
  let publishing: Promise<void>[] = [];
  let previous: readonly string[] = [];
  let isFirst = true;
  for (const [place, publication] of publications.entries()) {
    if (publishing.length > 0 && !areSameChannels(previous, publication.channels)) {
      await allTaken(publishing, isFirst);
      isFirst = false;
      publishing = [];
    }
    previous = publication.channels;
    for (const channel of new Set(previous))
      publishing.push(publishToChannel(deps, app, { publication, place, channel }, request));
  }
  await (publishing.length === 1 && isFirst ? publishing[0] : allTaken(publishing, isFirst));
  // Of a request that is made again, only the events that were missing count: each by itself.
  if (request.once === undefined) countPublished(deps.traffic.of(app.id), publications, request);
}

/** Counts each event once for each of its channels. */
function countPublished(
  { published }: AppTraffic,
  publications: readonly Publication[],
  { source }: EventRequest,
): void {
  for (const { channels } of publications) {
    const forUsers = channels.filter(isReservedChannel).length;
    if (forUsers > 0) published.add('server_to_user', forUsers);
    if (forUsers < channels.length) published.add(source, channels.length - forUsers);
  }
}

/** `isFirst`: nothing else of the same request was taken before. */
async function allTaken(publishing: readonly Promise<void>[], isFirst: boolean): Promise<void> {
  const outcomes = await Promise.allSettled(publishing);
  const reasons = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason as Error] : [],
  );
  if (reasons.length === 0) return;
  const isKnown = (reason: Error): boolean =>
    reason instanceof Unavailable || reason instanceof OutcomeUnknown;
  const defect = reasons.find((reason) => !isKnown(reason));
  if (defect !== undefined) throw defect;
  const isNothing = isFirst && reasons.length === publishing.length;
  if (isNothing && reasons.every((reason) => reason instanceof Unavailable)) throw reasons[0] as Error;
  throw new OutcomeUnknown('A part of it was taken.', { cause: reasons[0] });
}

const areSameChannels = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((channel, at) => channel === others[at]);

/** One event of a request for one of its channels. */
interface Part {
  readonly publication: Publication;
  /** Of the event in the request. */
  readonly place: number;
  readonly channel: string;
}

function publishToChannel(deps: PublishDeps, app: App, part: Part, request: EventRequest): Promise<void> {
  const { hub, broker, traffic } = deps;
  const { channel, place } = part;
  const { name, dataJson, except } = part.publication;
  const { receivedAtMs, source, once, traced } = request;
  const payload = encode.event(name, dataJson, channel);
  const ref = { app: app.id, channel };
  if (once !== undefined) return publishOnce(deps, app, { ...part, ref, payload }, { ...request, once });
  if (traffic.latency.isDue(receivedAtMs)) hub.measureDelivery(ref, { payload, receivedAtMs });
  const event = { payload, except };
  traced?.published(place, channel, payload);
  if (traffic.live.isWatched) traffic.live.published(ref, event, { source, trace: idOf(traced, place) });
  return broker.publish(ref, event, retentionOf(app, channel));
}

const idOf = (traced: PublishedTrace | undefined, place: number): string | undefined =>
  traced && `${traced.id}.${place}`;

async function publishOnce(
  { broker, traffic }: PublishDeps,
  app: App,
  { publication, place, ref, payload }: Part & { readonly ref: ChannelRef; readonly payload: string },
  { once, source, traced }: EventRequest & { readonly once: OnceRequest },
): Promise<void> {
  const event = { payload, except: publication.except };
  const retention = retentionOf(app, ref.channel);
  if (!(await broker.publishOnce(ref, event, eventOf(once, place), retention))) return;
  traced?.published(place, ref.channel, payload);
  if (traffic.live.isWatched) traffic.live.published(ref, event, { source, trace: idOf(traced, place) });
  const published = isReservedChannel(ref.channel) ? 'server_to_user' : source;
  traffic.of(app.id).published.add(published, 1);
}
