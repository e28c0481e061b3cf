import type { Limits } from './limits.ts';

/** 2.14 — one error of the protocol. */
export interface ErrorEntry {
  readonly code: number;
  readonly message: string;
  /** When a client that is closed with this code reconnects; `stays`: it is a frame alone, nothing is closed. */
  readonly reconnects: 'never' | 'after 1 s' | 'at once' | 'stays';
}

const entry = <Code extends number, Back extends ErrorEntry['reconnects']>(
  code: Code,
  message: string,
  reconnects: Back,
) => ({ code, message, reconnects });

/** 2.14 — the catalogue. A code from 4300 on is never a close code: clients would stay away for good. */
export const errors = {
  tlsRequired: entry(4000, 'TLS is required', 'at once'),
  unknownApp: entry(4001, 'Application does not exist', 'never'),
  appDisabled: entry(4003, 'Application is disabled', 'never'),
  overQuota: entry(4004, 'Application is over connection quota', 'never'),
  invalidVersion: entry(4006, 'Invalid protocol version', 'never'),
  unsupportedVersion: entry(4007, 'Unsupported protocol version', 'never'),
  originNotAllowed: entry(4009, 'Origin not allowed', 'never'),
  signinFailed: entry(4009, 'Connection not authorized.', 'never'),
  notAuthorizedInTime: entry(4009, 'Connection not authorized within timeout.', 'never'),
  terminatedByApp: entry(4009, 'You got disconnected by the app.', 'never'),
  overCapacity: entry(4100, 'Server is over capacity', 'after 1 s'),
  stopping: entry(4100, 'Server is closing. Please reconnect shortly.', 'after 1 s'),
  signinUnavailable: entry(4100, 'Sign-in is not possible for now.', 'after 1 s'),
  rateLimitTerminated: entry(4100, 'Rate limit exceeded', 'after 1 s'),
  messageTooLarge: entry(1009, 'Maximum message size exceeded', 'after 1 s'),
  internal: entry(1011, 'Internal server error', 'after 1 s'),
  closing: entry(4200, 'Server is closing. Please reconnect shortly.', 'at once'),
  tokenExpired: entry(4200, 'The token has expired. Please sign in again.', 'at once'),
  reconnect: entry(4200, 'Please reconnect.', 'at once'),
  pongTimeout: entry(4201, 'Pong reply not received in time', 'at once'),
  inactive: entry(4202, 'Connection closed after inactivity', 'at once'),

  invalidMessage: entry(4200, 'Invalid message format', 'stays'),
  unauthorized: entry(4009, 'Connection is unauthorized', 'stays'),
  notAMember: entry(4009, 'The client is not a member of the specified channel.', 'stays'),
  clientEventsDisabled: entry(4301, 'The app does not have client messaging enabled.', 'stays'),
  clientEventNotAllowed: entry(4301, 'Client events are not allowed on this kind of channel.', 'stays'),
  clientEventName: entry(4301, 'The client event name is too long or has control characters.', 'stays'),
  clientEventRate: entry(4301, 'The rate limit for sending client events exceeded the quota.', 'stays'),
  rateLimit: entry(4301, 'Rate limit exceeded', 'stays'),
  watchlistLimit: entry(4302, 'Watchlist limit exceeded', 'stays'),
} as const satisfies Record<string, ErrorEntry>;

/** 3.6 — the data of `pusher:subscription_error`. */
export interface SubscriptionFailure {
  readonly type: 'AuthError' | 'InvalidChannel' | 'LimitReached' | 'ServerError';
  readonly status: number;
  readonly error: string;
}

interface Details {
  readonly channel?: string | undefined;
  readonly subscription?: SubscriptionFailure | undefined;
  /** The number of the specification that was exceeded, where the entry does not tell. */
  readonly limit?: keyof Limits | undefined;
}

/** A rule of the specification was broken; the only exception that rules throw. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly entry: ErrorEntry;
  readonly code: number;
  /** The connection ends; otherwise the client gets a frame. */
  readonly closes: boolean;
  readonly channel: string | undefined;
  readonly subscription: SubscriptionFailure | undefined;
  readonly limit: keyof Limits | undefined;

  constructor(entry: ErrorEntry, details: Details = {}) {
    super(entry.message);
    this.entry = entry;
    this.code = entry.code;
    this.closes = entry.reconnects !== 'stays';
    this.channel = details.channel;
    this.subscription = details.subscription;
    this.limit = details.limit;
  }
}

const failedSubscription = (entry: ErrorEntry, channel: string, subscription: SubscriptionFailure) =>
  new ProtocolError(entry, { channel, subscription });

/** Reasons that only the frame of 3.6 carries: their code is never sent. */
const invalidName = entry(4009, 'Invalid channel name', 'stays');
const limitReached = entry(4301, 'Subscription limit reached', 'stays');
const unavailable = entry(4100, 'The subscription failed, try again later', 'stays');
/** 15.4 — as `errors.unauthorized` on the wire: the operator looks for its cause in the rules, not in a signature. */
export const refusedByRules = entry(errors.unauthorized.code, errors.unauthorized.message, 'stays');
const WITHOUT_ERROR_FRAME: readonly ErrorEntry[] = [invalidName, limitReached, unavailable];

/** 3.6 — true when an error frame follows the `subscription_error`. */
export const hasErrorFrame = ({ entry }: ProtocolError): boolean => !WITHOUT_ERROR_FRAME.includes(entry);

/** 3.2, 3.6 */
export const invalidChannel = (channel: string): ProtocolError =>
  failedSubscription(invalidName, channel, {
    type: 'InvalidChannel',
    status: 400,
    error: invalidName.message,
  });

/** 3.5, 3.6 */
export const subscriptionUnauthorized = (channel: string): ProtocolError =>
  failedSubscription(errors.unauthorized, channel, {
    type: 'AuthError',
    status: 401,
    error: errors.unauthorized.message,
  });

/** 15.4 — answered as a wrong signature is. */
export const subscriptionRefusedByRules = (channel: string): ProtocolError =>
  failedSubscription(refusedByRules, channel, {
    type: 'AuthError',
    status: 401,
    error: refusedByRules.message,
  });

/** 3.6, 3.12, 4.5 */
export const subscriptionLimit = (
  limit: keyof Limits,
  channel: string,
  error: string,
  status = 400,
): ProtocolError =>
  new ProtocolError(limitReached, {
    channel,
    subscription: { type: 'LimitReached', status, error },
    limit,
  });

/** 2.12, 3.6 — a subscription over Reverb's limit is answered as every message over it, and for its channel. */
export const subscriptionRateLimit = (channel: string): ProtocolError =>
  failedSubscription(errors.rateLimit, channel, {
    type: 'LimitReached',
    status: 429,
    error: errors.rateLimit.message,
  });

/** 3.6 — the shared store is out of reach. */
export const subscriptionUnavailable = (channel: string): ProtocolError =>
  failedSubscription(unavailable, channel, {
    type: 'ServerError',
    status: 503,
    error: unavailable.message,
  });

/** 3.6, 2.14 — a defect: the channel gets its error, then the connection ends, so that the client starts again. */
export const subscriptionFailed = (channel: string): ProtocolError =>
  failedSubscription(errors.internal, channel, {
    type: 'ServerError',
    status: 500,
    error: errors.internal.message,
  });
