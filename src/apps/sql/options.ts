import { readFileSync } from 'node:fs';
import { environmentSource, textIn, type Values, type Variables } from '../../settings/settings.ts';
import { buildApp } from '../build-app.ts';
import { type DatabaseAddress, describeDatabase, EXPECTED_URL, parseDatabaseUrl } from './address.ts';
import { laravelDatabase } from './laravel.ts';
import { type Ceilings, ceilingsOf } from '../ceilings.ts';
import { DATABASE_SETTINGS } from './settings.ts';

/** Apps in a database: where it is, and how it is read. */
export interface AppsDatabase extends DatabaseAddress {
  readonly table: string;
  readonly refreshMs: number;
  readonly timeoutMs: number;
  readonly maxApps: number;
  readonly overlapSeconds: number;
  /** Certificates in PEM, besides the system's. */
  readonly tlsCa: string | undefined;
  /** Give each app the options that its row does not have. */
  readonly variables: Variables;
  readonly ceilings: Ceilings;
}

type DatabaseValues = Values<typeof DATABASE_SETTINGS>;

/** Reads the options of apps in a database; `undefined` without one. Problems are added to `problems`. */
export function databaseOptions(
  values: DatabaseValues,
  variables: Variables,
  problems: string[],
): AppsDatabase | undefined {
  const { appsDatabase: given } = values;
  if (given === undefined) return undefined;
  const address = given === 'laravel' ? laravelDatabase(variables, problems) : ofUrl(given, problems);
  const tlsCa = readCa(values, variables, problems);
  // An option of the environment is the option of each row that has none: an invalid one is reported now, and once.
  const template = buildApp(
    'app',
    [{ key: 'key', secret: 'secret' }],
    environmentSource(variables),
    problems,
  );
  if (address === undefined) return undefined;
  return {
    ...address,
    tls: tlsOf(address, values),
    table: values.appsTable,
    refreshMs: values.appsRefreshSeconds * 1000,
    timeoutMs: values.appsTimeoutSeconds * 1000,
    maxApps: values.maxApps,
    overlapSeconds: values.secretOverlapSeconds,
    tlsCa,
    variables,
    ceilings: ceilingsOf(template.limits),
  };
}

/** Names the source of the apps, for the start block and the status. */
export const describeApps = (options: AppsDatabase): string =>
  `${describeDatabase(options)}, table ${options.table}`;

/** Over a unix socket there is no TLS, as for libpq. */
function tlsOf({ tls, socketPath }: DatabaseAddress, values: DatabaseValues): DatabaseAddress['tls'] {
  const asked = tls ?? (values.appsTlsCa === undefined ? undefined : 'verified');
  if (socketPath !== undefined) return undefined;
  return asked === 'verified' && !values.appsTlsVerify ? 'unverified' : asked;
}

function ofUrl(given: string, problems: string[]): DatabaseAddress | undefined {
  const address = parseDatabaseUrl(given);
  if (address === undefined)
    problems.push(`${DATABASE_SETTINGS.appsDatabase.name}=(not shown): expected ${EXPECTED_URL}`);
  return address;
}

/** Laravel's own variable for the file counts where Laravel's own variables are read. */
function readCa(
  { appsTlsCa, appsDatabase }: DatabaseValues,
  variables: Variables,
  problems: string[],
): string | undefined {
  const ofLaravel = appsDatabase === 'laravel' ? textIn(variables, 'MYSQL_ATTR_SSL_CA') : undefined;
  const file = appsTlsCa ?? ofLaravel;
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const name = appsTlsCa === undefined ? 'MYSQL_ATTR_SSL_CA' : DATABASE_SETTINGS.appsTlsCa.name;
    problems.push(`${name}=${JSON.stringify(file)}: ${(error as Error).message}`);
    return undefined;
  }
}
