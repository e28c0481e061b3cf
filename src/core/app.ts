import type { Credential, Limits, WebhookType } from '#protocol';

/** Reverb's fixed window: so many messages of one socket in so many seconds. */
export interface RateLimiting {
  readonly maxAttempts: number;
  readonly decaySeconds: number;
  /** Close the socket (4100) instead of only answering 4301. */
  readonly terminate: boolean;
}

/** Every number that an operator may set for an app: those of the protocol and these. 0 means "no limit". */
export interface AppLimits extends Limits {
  readonly connections: number;
  readonly messagesPerSecond: number;
  readonly messageBurst: number;
  readonly requestsPerSecond: number;
  /** 0: as many as per second. */
  readonly requestBurst: number;
}

/** Events of the channels with a prefix that are remembered: how many of each, and for how long. */
export interface HistoryRule {
  readonly size: number;
  readonly ttlSeconds: number;
  readonly prefix: string;
}

/** A receiver of an app's webhooks (SPEC 9.5). */
export interface WebhookEndpoint {
  /** Unique over all apps: `app-id` and its number, unless it is named. It stands in metrics, the log and the command line. */
  readonly name: string;
  /** `http:` and `https:` post; `redis:`, `rediss:` and `unix:` with `/queue:NAME` push a job for Laravel's queue. May contain a password. */
  readonly url: URL;
  /** Without any, nothing is sent. */
  readonly eventTypes: readonly WebhookType[];
  readonly channelPrefix: string;
  readonly channelSuffix: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** An application: plain data, so that any provider can make one. */
export interface App {
  readonly id: string;
  /** The first pair is the current one; all of them verify (SPEC 7.6). */
  readonly credentials: readonly [Credential, ...Credential[]];
  readonly enabled: boolean;
  readonly allowedOrigins: readonly string[];
  readonly activityTimeoutSeconds: number;
  readonly pingIntervalSeconds: number;
  readonly clientEvents: 'members' | 'all' | 'none';
  readonly clientEventsOnPublic: boolean;
  readonly rateLimiting: RateLimiting | undefined;
  readonly limits: AppLimits;
  /** Characters allowed in channel names beside the official ones. */
  readonly extraChannelCharacters: string;
  /** Share at the writing to sockets, beside those of the other apps (SPEC 3.14). */
  readonly weight: number;
  readonly cacheTtlSeconds: number;
  /** Events of a channel that are remembered, so that a node that was disconnected can read those it missed. */
  readonly historySize: number;
  readonly historyTtlSeconds: number;
  /** Bytes that are remembered for the app in total, one half for histories, one for last events; 0: no limit. */
  readonly historyMaxBytes: number;
  /** Retention for channels whose name begins with a prefix; the first rule that fits applies. */
  readonly historyRules: readonly HistoryRule[];
  readonly subscriptionCounts: boolean;
  /** The key part of a channel's `auth` must be one of the app's keys. */
  readonly strictAuthKey: boolean;
  /** Info attributes that do not apply to a channel are refused with 400 instead of left out. */
  readonly strictInfo: boolean;
  readonly errorDataAsString: boolean;
  readonly requireTls: boolean;
  readonly terminateCloseCode: number;
  /** A socket that neither signed in nor entered a signed channel by then is closed; 0 turns it off (SPEC 6.8). */
  readonly authorizeWithinSeconds: number;
  /** Unoccupied presence channels answer 404 to `GET …/users`, as Reverb does (SPEC 8.8). */
  readonly usersOfUnoccupiedAre404: boolean;
  readonly webhooks: readonly WebhookEndpoint[];
}
