import type { GapReason } from '#protocol';
import type { TransportName } from '../ports/transport.ts';
import type { RefusalReason } from '../refusals/reasons.ts';
import { Tally } from '../util/tally.ts';

/** Way on which an event was published, or sent again to this node. */
export type EventSource = 'http' | 'batch' | 'client' | 'server_to_user' | 'replayed';

/** Cause of the end of a connection. */
export type CloseCause =
  | 'client'
  | 'lost'
  | 'drain'
  | 'ping_timeout'
  | 'slow_reader'
  | 'terminated'
  | 'unauthorized'
  | 'token_expired'
  | 'message_size'
  | 'rate_limit'
  | 'protocol_error'
  | 'server_error'
  | 'other';

/**
 * Traffic of one app on this node, as plain numbers: the paths of events and messages only add to them. All are counts since
 * the start, but `connections`, `channels`, `subscriptions` and `waitingBytes`, which are those of this moment.
 */
export class AppTraffic {
  readonly connections = new Tally<TransportName>();
  readonly opened = new Tally<TransportName>();
  readonly closed = new Tally<CloseCause>();
  /** Refused connections by the code that the client got. */
  readonly refused = new Tally();
  /** By the kind of channel: `ChannelKind.name`, or `server_to_user` (SPEC 6.4). */
  readonly channels = new Tally();
  readonly subscriptions = new Tally();
  readonly subscriptionsRefused = new Tally<RefusalReason>();
  /** Events, one for each channel of an event. */
  readonly published = new Tally<EventSource>();
  /** Events that were written to sockets, one for each socket. */
  deliveries = 0;
  /** Events that a subscriber did not get: it is the sender, reads too slowly (best effort), or is closing. */
  omittedExcluded = 0;
  omittedSlow = 0;
  omittedClosing = 0;
  /** Bytes of events that are not yet written to all of their sockets, now. */
  waitingBytes = 0;
  /** Time that writing its events took. */
  fanOutMs = 0;
  messagesReceived = 0;
  bytesReceived = 0;
  /** Frames of every kind: deliveries and answers. */
  messagesSent = 0;
  bytesSent = 0;
  /** Subscriptions that continued where the client was, the missed events that they were sent, and gaps (SPEC 13). */
  resumed = 0;
  replayed = 0;
  readonly gaps = new Tally<GapReason>();
  cacheHits = 0;
  cacheMisses = 0;
  /** Requests to the HTTP API, and the bytes of their bodies and answers. */
  apiRequests = 0;
  /** Requests that got 429. */
  apiOverRate = 0;
  /** Publishes that were made again with their idempotency key. */
  apiRepeats = 0;
  apiBytesReceived = 0;
  apiBytesSent = 0;
}
