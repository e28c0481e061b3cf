import type { ChannelRef } from '../../core/ports/events.ts';
import type { WebhookWishes } from '../../core/ports/webhooks.ts';

/** Distinguishes an app of one installation from one with the same id in another. */
export interface AppIdentity {
  readonly id: string;
  readonly credentials: readonly { readonly key: string; readonly secret: string }[];
}

/** Host and port of a server. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** How Redis is reached: as one server, through Sentinels, or as a Cluster. */
export interface RedisOptions extends Address {
  /** Path of a unix socket, in place of host and port. */
  readonly path?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly database: number;
  readonly tls: boolean;
  /** Certificates in PEM that are trusted besides the usual ones. */
  readonly tlsCa?: string | undefined;
  /** `false`: any certificate is trusted. */
  readonly tlsVerify?: boolean | undefined;
  /** Sentinels that name the master, when given. */
  readonly sentinels?: readonly Address[] | undefined;
  readonly sentinelName?: string | undefined;
  readonly sentinelUsername?: string | undefined;
  readonly sentinelPassword?: string | undefined;
  /** Some servers of a Cluster, when given; they name the others. */
  readonly cluster?: readonly Address[] | undefined;
  readonly keyPrefix: string;
  /** Apps whose keys carry a digest, so that installations that share a Redis exchange nothing. */
  readonly apps?: readonly AppIdentity[] | undefined;
  readonly partitions: number;
  /** Milliseconds for which events of a channel are kept. */
  readonly historyTtlMs?: ((ref: ChannelRef) => number) | undefined;
  /** Number of signatures of an app that strict replay protection remembers. */
  readonly replaySignatures?: number | undefined;
  /** `undefined`: no app has webhooks. */
  readonly webhooks?: WebhookWishes | undefined;
  readonly leaseMs: number;
  readonly commandTimeoutMs: number;
}

/** Addresses of the servers, or of the Sentinels, in messages for an operator. */
export const describeServers = (options: RedisOptions): string =>
  (options.cluster ?? options.sentinels ?? [options]).map(describeAddress).join(', ');

/** Names one server in messages for an operator. */
export const describeAddress = ({ host, port, path }: Address & Pick<RedisOptions, 'path'>): string =>
  path ?? `${host}:${port}`;
