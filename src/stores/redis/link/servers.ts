/** Host and port of a server. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** How Redis is reached: as one server, through Sentinels, or as a Cluster. */
export interface RedisServers extends Address {
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
  readonly commandTimeoutMs: number;
}

/** Addresses of the servers, or of the Sentinels, in messages for an operator. */
export const describeServers = (servers: RedisServers): string =>
  (servers.cluster ?? servers.sentinels ?? [servers]).map(describeAddress).join(', ');

/** Names one server in messages for an operator. */
export const describeAddress = ({ host, port, path }: Address & Pick<RedisServers, 'path'>): string =>
  path ?? `${host}:${port}`;
