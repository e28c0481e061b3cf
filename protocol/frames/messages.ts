import type { Position } from './position.ts';

/** 13.7 — what a client asks for with a subscription. */
export interface ResumeRequest {
  /** Where it continues; `undefined`: it begins; `unreadable`: it continues somewhere that cannot be read. */
  readonly position: Position | 'unreadable' | undefined;
  /** Infinity: not known. */
  readonly awaySeconds: number;
  /** Earlier socket ids of the client. */
  readonly sockets: readonly string[];
}

/** 13.6 — why events may be missing. */
export type GapReason = 'expired' | 'dropped' | 'restarted' | 'unavailable' | 'unknown';

/** 1 — the messages of a client, decoded. */
export type ClientMessage =
  | {
      readonly kind: 'subscribe';
      readonly channel: string;
      readonly auth?: string | undefined;
      /** The raw text: the signature covers its bytes (7.2). */
      readonly channelData?: string | undefined;
      /** 13.7 — `undefined`: the client does not ask for positions. */
      readonly resume?: ResumeRequest | undefined;
    }
  | { readonly kind: 'unsubscribe'; readonly channel: string }
  | { readonly kind: 'signin'; readonly auth: string; readonly userData: string }
  | {
      readonly kind: 'client-event';
      readonly name: string;
      readonly channel: string;
      /** JSON text of `data`, ready to be relayed. */
      readonly dataJson: string;
    }
  | { readonly kind: 'ping' }
  | { readonly kind: 'pong' }
  | { readonly kind: 'ignored' };

/** 1 — the names of the server's own events. */
export const serverEvents = {
  connectionEstablished: 'pusher:connection_established',
  error: 'pusher:error',
  ping: 'pusher:ping',
  pong: 'pusher:pong',
  subscriptionError: 'pusher:subscription_error',
  cacheMiss: 'pusher:cache_miss',
  signinSuccess: 'pusher:signin_success',
  subscriptionSucceeded: 'pusher_internal:subscription_succeeded',
  subscriptionCount: 'pusher_internal:subscription_count',
  memberAdded: 'pusher_internal:member_added',
  memberRemoved: 'pusher_internal:member_removed',
  watchlistEvents: 'pusher_internal:watchlist_events',
  gap: 'wavehall:gap',
} as const;

export type ServerEvent = (typeof serverEvents)[keyof typeof serverEvents];

/** 1.8 — prefix of the events that clients and server exchange about themselves. */
export const PUSHER_PREFIX = 'pusher:';
