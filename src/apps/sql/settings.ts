import { boolean, integer, optionalText, setting, type SettingType } from '../../settings/settings.ts';

/** A table, optionally in a schema. Letters, digits, _ and $: whatever else a name may have in SQL is a mistake here. */
const tableName: SettingType<string> = {
  expected: 'a table such as apps or broadcasting.apps, of letters, digits, _ and $',
  parse: (given) => (/^(?:[a-z_][\w$]{0,62}\.)?[a-z_][\w$]{0,62}$/i.test(given) ? given : undefined),
};

/** More rows than one process compares every few seconds. */
const MOST_APPS = 100_000;

/** Settings of apps in MySQL, MariaDB or PostgreSQL. */
export const DATABASE_SETTINGS = {
  appsDatabase: setting(
    'WAVEHALL_APPS_DATABASE',
    optionalText,
    '',
    'Database with the apps: mysql://, mariadb:// or postgres://user:password@host:port/name, or the word laravel for the DB_* of its .env; empty: none.',
  ),
  appsTable: setting('WAVEHALL_APPS_TABLE', tableName, 'apps', 'Table with the apps, a row for each.'),
  appsRefreshSeconds: setting(
    'WAVEHALL_APPS_REFRESH_SECONDS',
    integer(1, 3600),
    3,
    'Seconds between two reads of the table: a change is live after this time.',
  ),
  appsTimeoutSeconds: setting(
    'WAVEHALL_APPS_DATABASE_TIMEOUT',
    integer(1, 300),
    5,
    'Seconds that the database has to accept a connection, and to answer.',
  ),
  maxApps: setting(
    'WAVEHALL_MAX_APPS',
    integer(1, MOST_APPS),
    1000,
    'Rows that the table may have; with more it is not read, and what is known goes on.',
  ),
  secretOverlapSeconds: setting(
    'WAVEHALL_SECRET_OVERLAP_SECONDS',
    integer(0, 30 * 86_400),
    3600,
    'Seconds for which a replaced key and secret of an app in a database stay valid.',
  ),
  appsTlsCa: setting(
    'WAVEHALL_APPS_DATABASE_TLS_CA',
    optionalText,
    '',
    "CA certificate file for the database, besides the system's; TLS is on with it.",
  ),
  appsTlsVerify: setting(
    'WAVEHALL_APPS_DATABASE_TLS_VERIFY',
    boolean,
    true,
    'false: do not verify the TLS certificate of the database (insecure).',
  ),
} as const;
