import type { App } from '../../core/app.ts';
import type { ChannelRef } from '../../core/ports/cluster.ts';

/** What tells the app of one installation from one with the same id in another. */
export type AppIdentity = Pick<App, 'id' | 'credentials'>;

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** How Redis is reached: as one server, through Sentinels, or as a Cluster. */
export interface RedisOptions extends Address {
  /** Of a unix socket, in the place of host and port. */
  readonly path?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly database: number;
  readonly tls: boolean;
  /** Certificates in PEM that are trusted besides the usual ones. */
  readonly tlsCa?: string | undefined;
  /** `false`: whoever answers is trusted. */
  readonly tlsVerify?: boolean | undefined;
  /** Given: these know where the server is that is written to. */
  readonly sentinels?: readonly Address[] | undefined;
  readonly sentinelName?: string | undefined;
  readonly sentinelUsername?: string | undefined;
  readonly sentinelPassword?: string | undefined;
  /** Given: some servers of a Cluster, which know the others. */
  readonly cluster?: readonly Address[] | undefined;
  readonly keyPrefix: string;
  /** Whose names carry a digest, so that installations that share a Redis never hear each other. */
  readonly apps?: readonly AppIdentity[] | undefined;
  readonly partitions: number;
  /** How long events of a channel are kept. */
  readonly historyTtlMs?: ((ref: ChannelRef) => number) | undefined;
  /** Signatures of an app that strict replay protection remembers. */
  readonly replaySignatures?: number | undefined;
  readonly leaseMs: number;
  readonly commandTimeoutMs: number;
}

/** Names one server, for people. */
export const addressOf = ({ host, port, path }: Address & Pick<RedisOptions, 'path'>): string =>
  path ?? `${host}:${port}`;
