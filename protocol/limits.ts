const defaults = {
  /** 3.2 — bytes of a channel name. */
  channelNameLength: 200,
  /** 5.5, 8.4 — characters in an event name. */
  eventNameLength: 200,
  /** 8.12 — bytes of `data` in one published event. */
  eventDataBytes: 10_240,
  /** 8.12 — channels in one publish. */
  channelsPerEvent: 100,
  /** 8.12 — events in one batch. */
  eventsPerBatch: 10,
  /** 8.12 — bytes of one HTTP request body: a full batch and its envelope. */
  requestBytes: 131_072,
  /** 2.11 — bytes of one message from a client. */
  messageBytes: 10_000,
  /** 2.11 — frames that one message may be cut into. */
  fragmentsPerMessage: 64,
  /** 4.5 — characters in the string form of a presence `user_id`. */
  userIdLength: 128,
  /** 4.5 — bytes of `user_info`; by default the message size bounds it. */
  userInfoBytes: 0,
  /** 4.5 — distinct users on one presence channel. */
  presenceMembers: 0,
  /** 3.12 — channels that one socket may be subscribed to. */
  subscriptionsPerSocket: 2000,
  /** 3.12 — bytes of the names of all these channels together. */
  subscriptionBytesPerSocket: 200_000,
  /** 6.5 — users that one sign-in may watch. */
  watchlistIds: 100,
  /** 5.5 — client events that one socket may send in a second, beside the rate of all its messages (2.12). */
  clientEventsPerSecond: 0,
  /** 2.4 — characters in a socket id. */
  socketIdLength: 40,
  /** 8.2 — seconds by which the clock of a signed request may differ, in either direction. */
  authWindowSeconds: 600,
};

/** The numbers of the specification that an operator may change; 0 means "no limit". */
export type Limits = { readonly [Name in keyof typeof defaults]: number };

export const DEFAULT_LIMITS: Limits = defaults;

/** Bytes of a text in UTF-8. */
export const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** True when there is a limit (it is not 0) and `size` is over it. */
export const exceeds = (size: number, limit: number): boolean => limit > 0 && size > limit;
