import { textIn, type Variables } from '../../settings/settings.ts';
import { type DatabaseAddress, dialectOf, parseDatabaseUrl, USUAL_PORTS } from './address.ts';

/** Reads the database of Laravel's own `.env`: `DB_URL`, or `DB_CONNECTION` and its parts. Problems are added to `problems`. */
export function laravelDatabase(variables: Variables, problems: string[]): DatabaseAddress | undefined {
  const urlName = ['DB_URL', 'DATABASE_URL'].find((name) => textIn(variables, name) !== undefined);
  if (urlName !== undefined) return ofUrl(urlName, variables, problems);
  const given = textIn(variables, 'DB_CONNECTION')?.trim() ?? 'sqlite';
  const dialect = dialectOf(given);
  const database = textIn(variables, 'DB_DATABASE');
  if (dialect === undefined)
    problems.push(`DB_CONNECTION=${JSON.stringify(given)}: expected mysql, mariadb or pgsql, ${BECAUSE}`);
  else if (database === undefined) problems.push(`DB_DATABASE: expected the name of a database, ${BECAUSE}`);
  const port = portIn(variables, problems);
  if (dialect === undefined || database === undefined) return undefined;
  return {
    ...{ dialect, database, ...loginIn(variables) },
    host: textIn(variables, 'DB_HOST')?.trim() ?? '127.0.0.1',
    port: port ?? USUAL_PORTS[dialect],
    socketPath: textIn(variables, 'DB_SOCKET')?.trim(),
    tls: asksForTls(variables) ? 'verified' : undefined,
  };
}

const loginIn = (variables: Variables) => ({
  user: textIn(variables, 'DB_USERNAME') ?? 'root',
  password: textIn(variables, 'DB_PASSWORD') ?? '',
});

function portIn(variables: Variables, problems: string[]): number | undefined {
  const port = textIn(variables, 'DB_PORT')?.trim();
  if (port === undefined || /^[1-9]\d{0,4}$/.test(port)) return port === undefined ? undefined : Number(port);
  problems.push(`DB_PORT=${JSON.stringify(port)}: expected a port, ${BECAUSE}`);
  return undefined;
}

const BECAUSE = 'because WAVEHALL_APPS_DATABASE is laravel';

function ofUrl(name: string, variables: Variables, problems: string[]): DatabaseAddress | undefined {
  const address = parseDatabaseUrl(textIn(variables, name) ?? '');
  if (address === undefined)
    problems.push(
      `${name}=(not shown): expected mysql:// or postgres://user:password@host:port/database, ${BECAUSE}`,
    );
  return address;
}

/** Laravel's `prefer` is no promise of encryption: it is read as none. */
const asksForTls = (variables: Variables): boolean =>
  textIn(variables, 'MYSQL_ATTR_SSL_CA') !== undefined ||
  /^(require|verify-ca|verify-full)$/.test(textIn(variables, 'DB_SSLMODE')?.trim() ?? '');
