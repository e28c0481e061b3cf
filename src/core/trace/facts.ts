/** Way on which a traced event came. */
export type TraceSource = 'http' | 'batch' | 'client';

/** One event of a request for one of its channels. */
export interface PartFacts {
  /** Of the event in its request. */
  readonly place: number;
  readonly event: string;
  readonly channel: string;
  /** Bytes of the frame; `undefined`: it was not published. */
  readonly bytes?: number | undefined;
  /** Recognises its deliveries; `undefined`: it was not published. */
  readonly fingerprint?: string | undefined;
  /** The socket that must not receive it. */
  readonly except?: string | undefined;
  /** When this process received an equal event after it; `undefined`: it did not. */
  readonly repeatedAtMs?: number | undefined;
}

/** A request to publish, as the process that received it knows it. Times are Unix times in milliseconds. */
export interface RequestFacts {
  readonly id: string;
  readonly atMs: number;
  readonly tookMs: number;
  readonly app: string;
  readonly key?: string | undefined;
  readonly source: TraceSource;
  readonly address: string;
  /** Name of the library that sent it. */
  readonly agent?: string | undefined;
  /** The client that sent it, if it is a client event. */
  readonly socket?: string | undefined;
  /** Bytes of the body. */
  readonly bodyBytes: number;
  readonly outcome: OutcomeFacts;
  /** The first ones; `partCount`: of all. */
  readonly parts: readonly PartFacts[];
  readonly partCount: number;
}

/** Status of the answer; what else there is if it is not 200. */
export interface OutcomeFacts {
  readonly status: number;
  /** Text of the answer, cut. */
  readonly answer?: string | undefined;
  readonly sizeBytes?: number | undefined;
  readonly limitBytes?: number | undefined;
}

/** An event that reached the subscribers of a channel on one process. */
export interface DeliveryFacts {
  readonly app: string;
  readonly channel: string;
  readonly fingerprint: string;
  readonly atMs: number;
  readonly subscribers: number;
  readonly sockets: number;
  readonly excluded: number;
  readonly slow: number;
  readonly closing: number;
  readonly subscribing: number;
  /** Its place in the history of the channel (SPEC 13.1); `undefined`: it is in none. */
  readonly offset?: number | undefined;
}

/** Refusals for one reason, without a pause of 15 minutes between them. */
export interface RefusalFacts {
  readonly reason: string;
  /** `undefined`: it is not known, or there is none with this id. */
  readonly app?: string | undefined;
  readonly count: number;
  readonly sinceMs: number;
  readonly lastMs: number;
  /** Details of the newest one. */
  readonly example: Readonly<Record<string, string | number>>;
}

/** A channel that was published to. */
export interface PublishedName {
  readonly channel: string;
  readonly atMs: number;
}

/** A channel with subscribers on one process. */
export interface OccupiedName {
  readonly channel: string;
  readonly subscribers: number;
}

/** State of a channel on one process now. */
export interface ChannelFacts {
  readonly channel: string;
  readonly subscribers: number;
  /** When the first of the present subscribers came; of an empty channel `undefined`. */
  readonly occupiedAtMs?: number | undefined;
  /** When the newest one came. */
  readonly joinedAtMs?: number | undefined;
  /** When the last subscriber left, before the event that is asked for; `undefined`: it is not known. */
  readonly leftAtMs?: number | undefined;
  /** Subscribers that read too slowly now. */
  readonly slow: number;
  /** Events that no subscriber has got yet. */
  readonly waiting: number;
  /** Delivery of the event that is asked for. */
  readonly delivery?: DeliveryFacts | undefined;
  /** Channels of the app with a similar name. */
  readonly near: readonly OccupiedName[];
  readonly otherApps: readonly { readonly app: string; readonly subscribers: number }[];
}

/** Names of a process: `process` is unique, `label` for people, `node` the one in Redis. */
export interface ProcessName {
  readonly process: string;
  readonly label: string;
  readonly node?: string | undefined;
}

/** Answer of one process to `find`. */
export interface FoundFacts extends ProcessName {
  readonly startedAtMs: number;
  /** Requests that fit, the newest first. */
  readonly requests: readonly RequestFacts[];
  /** Time of the oldest request that is kept. */
  readonly oldestAtMs?: number | undefined;
  /** When something was last published to the app that is asked for. */
  readonly publishedAtMs?: number | undefined;
  readonly publishedNear: readonly PublishedName[];
  readonly refusals: readonly RefusalFacts[];
}

/** Answer of one process to `follow`. */
export interface FollowedFacts extends ProcessName {
  /** Clients of the app that are connected here. */
  readonly connections: number;
  /** Time since which all deliveries are kept. */
  readonly keptSinceMs: number;
  /** In the order of the question. */
  readonly channels: readonly ChannelFacts[];
}

/** Question of an operator: a request, or the newest one of a channel, of an app, or of all. */
export interface TraceQuery {
  readonly id?: string | undefined;
  readonly app?: string | undefined;
  readonly channel?: string | undefined;
}

/** An event whose deliveries are looked for. */
export interface WantedDelivery {
  readonly channel: string;
  /** `undefined`: the channel alone is looked at. */
  readonly fingerprint?: string | undefined;
  readonly atMs: number;
  /** Time of the next equal event, or of the end of the search. */
  readonly untilMs: number;
}

export type TraceQuestion = { readonly type: 'find'; readonly query: TraceQuery } | FollowQuestion;

export interface FollowQuestion {
  readonly type: 'follow';
  readonly app: string;
  /** The events are of a client: those have a ring of their own. */
  readonly source: 'client' | 'publisher';
  readonly wanted: readonly WantedDelivery[];
}
