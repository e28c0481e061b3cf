import type { DecisionLimits } from '../../core/decisions.ts';
import type { ChannelRef } from '../../core/ports/channel-ref.ts';
import type { WebhookWishes } from '../../core/ports/webhook-wishes.ts';
import type { IdempotencyLimits } from '../../core/requests/idempotency.ts';
import type { RedisServers } from './link/servers.ts';

/** Distinguishes an app of one installation from one with the same id in another. */
export interface AppIdentity {
  readonly id: string;
  readonly credentials: readonly { readonly key: string; readonly secret: string }[];
}

/** Options of a node: how Redis is reached, and what is kept there. */
export interface RedisOptions extends RedisServers {
  readonly keyPrefix: string;
  /** Apps whose keys carry a digest, so that installations that share a Redis exchange nothing. */
  readonly apps?: readonly AppIdentity[] | undefined;
  /** The apps as they are now, where they may change; in place of `apps`. */
  readonly presentApps?: (() => readonly AppIdentity[]) | undefined;
  readonly partitions: number;
  /** Milliseconds for which events of a channel are kept. */
  readonly historyTtlMs?: ((ref: ChannelRef) => number) | undefined;
  /** Number of signatures of an app that strict replay protection remembers. */
  readonly replaySignatures?: number | undefined;
  readonly decisionLimits?: DecisionLimits | undefined;
  readonly idempotency?: IdempotencyLimits | undefined;
  /** `undefined`: no app has webhooks. */
  readonly webhooks?: WebhookWishes | undefined;
  /** Milliseconds after which another node delivers the webhooks of a node that ended. */
  readonly webhookOwnerMs?: number | undefined;
  readonly leaseMs: number;
}
