import { parseUrl } from '../../core/util/url.ts';

export type DialectName = 'mysql' | 'postgres';

/** Where a database is, and as whom it is used. */
export interface DatabaseAddress {
  readonly dialect: DialectName;
  readonly host: string;
  readonly port: number;
  /** `undefined`: over TCP. */
  readonly socketPath: string | undefined;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** `undefined`: no TLS. */
  readonly tls: 'verified' | 'unverified' | undefined;
}

const DIALECTS: Readonly<Record<string, DialectName>> = {
  mysql: 'mysql',
  mariadb: 'mysql',
  postgres: 'postgres',
  postgresql: 'postgres',
  pgsql: 'postgres',
};

export const USUAL_PORTS: Readonly<Record<DialectName, number>> = { mysql: 3306, postgres: 5432 };

/** The dialect that a scheme of a URL or Laravel's `DB_CONNECTION` names. */
export const dialectOf = (name: string): DialectName | undefined =>
  Object.hasOwn(DIALECTS, name) ? DIALECTS[name] : undefined;

/** Words of libpq and of MySQL. Encryption without a check of the certificate has to be asked for by its own word. */
const TLS_MODES: Readonly<Record<string, DatabaseAddress['tls']>> = {
  disable: undefined,
  disabled: undefined,
  require: 'verified',
  required: 'verified',
  'verify-ca': 'verified',
  verify_ca: 'verified',
  'verify-full': 'verified',
  verify_identity: 'verified',
  'no-verify': 'unverified',
};

/** Form of a URL, for an error: the given one may contain a password and is never shown. */
export const EXPECTED_URL =
  'mysql://, mariadb:// or postgres://user:password@host:port/database, with ?sslmode=disable, require or no-verify and ?socket=/path if needed, or the word laravel';

/** Parses the URL of a database; `undefined` when it is none. Options besides `sslmode` and `socket` belong to other programs. */
export function parseDatabaseUrl(given: string): DatabaseAddress | undefined {
  const url = parseUrl(given);
  const dialect = url && dialectOf(url.protocol.slice(0, -1));
  if (dialect === undefined) return undefined;
  const options = url?.searchParams ?? new URLSearchParams();
  const mode = (options.get('sslmode') ?? options.get('ssl-mode') ?? 'disable').toLowerCase();
  const [user, password, database, host] = textsIn(url);
  if (database === '' || database.includes('/') || !Object.hasOwn(TLS_MODES, mode)) return undefined;
  const socketPath = socketIn(options);
  if (host === '' && socketPath === undefined) return undefined;
  return {
    ...{ dialect, user, password, database, socketPath },
    host: host === '' ? 'localhost' : host,
    port: Number(url?.port) || USUAL_PORTS[dialect],
    tls: TLS_MODES[mode],
  };
}

type Texts = readonly [user: string, password: string, database: string, host: string];

function textsIn(url: URL | undefined): Texts {
  const { username = '', password = '', pathname = '/', hostname = '' } = url ?? {};
  try {
    const [user, word, database] = [username, password, pathname.slice(1)].map(decodeURIComponent);
    return [user ?? '', word ?? '', database ?? '', hostname.replace(/^\[(.*)\]$/, '$1')];
  } catch {
    return ['', '', '', ''];
  }
}

/** libpq's `host=/folder` is the folder of the socket. */
function socketIn(options: URLSearchParams): string | undefined {
  const path = options.get('socket') ?? options.get('host') ?? '';
  return path.startsWith('/') ? path : undefined;
}

/** The database and its place, without user and password. */
export const describeDatabase = ({ dialect, host, port, socketPath, database }: DatabaseAddress): string =>
  `${dialect}://${socketPath ?? `${host.includes(':') ? `[${host}]` : host}:${port}`}/${database}`;
