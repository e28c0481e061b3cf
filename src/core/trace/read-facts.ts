import type {
  ChannelFacts,
  DeliveryFacts,
  FollowedFacts,
  FoundFacts,
  OutcomeFacts,
  PartFacts,
  RefusalFacts,
  RequestFacts,
  TraceQuestion,
} from './facts.ts';
import { count, details, listOf, object, oneOf, optional, type Reader, text } from '../util/readers.ts';

/** More characters than any setting allows names to have. */
const name = text(1024);
const shortName = text(256);
const MOST_LISTED = 50;

const outcome = object<OutcomeFacts>({
  status: count,
  answer: optional(shortName),
  sizeBytes: optional(count),
  limitBytes: optional(count),
});

const part = object<PartFacts>({
  place: count,
  event: name,
  channel: name,
  bytes: optional(count),
  fingerprint: optional(shortName),
  except: optional(shortName),
  repeatedAtMs: optional(count),
});

const request = object<RequestFacts>({
  id: shortName,
  atMs: count,
  tookMs: count,
  app: name,
  key: optional(name),
  source: oneOf('http', 'batch', 'client'),
  address: shortName,
  agent: optional(shortName),
  socket: optional(shortName),
  bodyBytes: count,
  outcome,
  parts: listOf(part, MOST_LISTED),
  partCount: count,
});

const refusal = object<RefusalFacts>({
  reason: shortName,
  app: optional(name),
  count,
  sinceMs: count,
  lastMs: count,
  example: details(20, 1024),
});

const processName = { process: shortName, label: name, node: optional(shortName) };

/** Reads the answer of another process to `find`. */
export const readFound: Reader<FoundFacts> = object<FoundFacts>({
  ...processName,
  startedAtMs: count,
  requests: listOf(request, MOST_LISTED),
  oldestAtMs: optional(count),
  publishedAtMs: optional(count),
  publishedNear: listOf(object({ channel: name, atMs: count }), MOST_LISTED),
  refusals: listOf(refusal, MOST_LISTED),
});

const delivery = object<DeliveryFacts>({
  app: name,
  channel: name,
  fingerprint: shortName,
  atMs: count,
  subscribers: count,
  sockets: count,
  excluded: count,
  slow: count,
  closing: count,
  subscribing: count,
  offset: optional(count),
});

const channel = object<ChannelFacts>({
  channel: name,
  subscribers: count,
  occupiedAtMs: optional(count),
  joinedAtMs: optional(count),
  leftAtMs: optional(count),
  slow: count,
  waiting: count,
  delivery: optional(delivery),
  near: listOf(object({ channel: name, subscribers: count }), MOST_LISTED),
  otherApps: listOf(object({ app: name, subscribers: count }), MOST_LISTED),
});

/** Reads the answer of another process to `follow`. */
export const readFollowed: Reader<FollowedFacts> = object<FollowedFacts>({
  ...processName,
  connections: count,
  keptSinceMs: count,
  channels: listOf(channel, MOST_LISTED),
});

const wanted = object({ channel: name, fingerprint: optional(shortName), atMs: count, untilMs: count });
const query = object({ id: optional(shortName), app: optional(name), channel: optional(name) });
const find = object({ type: oneOf('find'), query });
const follow = object({
  type: oneOf('follow'),
  app: name,
  source: oneOf('client', 'publisher'),
  wanted: listOf(wanted, MOST_LISTED),
});

/** Reads a question of another process. */
export const readQuestion: Reader<TraceQuestion> = (value) =>
  (value as { type?: unknown } | null)?.type === 'follow' ? follow(value) : find(value);
