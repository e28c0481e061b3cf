import { quotedTable } from './database.ts';
import type { Driver } from './drivers/driver.ts';
import type { AppsDatabase } from './options.ts';
import { FORMER_COLUMNS } from './rows/row.ts';

/** soketi's columns, so that both servers can use one table. */
const SOKETI_COLUMNS: readonly (readonly [
  name: string,
  type: 'text' | 'integer' | 'flag' | 'json',
  rest: string,
])[] = [
  ['id', 'text', 'NOT NULL PRIMARY KEY'],
  ['key', 'text', 'NOT NULL UNIQUE'],
  ['secret', 'text', 'NOT NULL'],
  ['max_connections', 'integer', 'NOT NULL DEFAULT -1'],
  ['enabled', 'flag', 'NOT NULL DEFAULT 1'],
  ['enable_client_messages', 'flag', 'NOT NULL DEFAULT 1'],
  ['max_backend_events_per_sec', 'integer', 'NOT NULL DEFAULT -1'],
  ['max_client_events_per_sec', 'integer', 'NOT NULL DEFAULT -1'],
  ['max_read_req_per_sec', 'integer', 'NOT NULL DEFAULT -1'],
  ['webhooks', 'json', 'NULL'],
  ['max_presence_members_per_channel', 'integer', 'NULL'],
  ['max_presence_member_size_in_kb', 'integer', 'NULL'],
  ['max_channel_name_length', 'integer', 'NULL'],
  ['max_event_channels_at_once', 'integer', 'NULL'],
  ['max_event_name_length', 'integer', 'NULL'],
  ['max_event_payload_in_kb', 'integer', 'NULL'],
  ['max_event_batch_size', 'integer', 'NULL'],
  ['enable_user_authentication', 'flag', 'NOT NULL DEFAULT 0'],
];

/** Values of soketi's columns that have no default in its own table. */
export const NEW_ROW: Readonly<Record<string, number>> = {
  max_connections: -1,
  enabled: 1,
  enable_client_messages: 1,
  max_backend_events_per_sec: -1,
  max_client_events_per_sec: -1,
  max_read_req_per_sec: -1,
  enable_user_authentication: 0,
};

/** Columns that soketi's table does not have. */
const OWN_COLUMNS = [
  ['options', 'json'],
  [FORMER_COLUMNS.key, 'text'],
  [FORMER_COLUMNS.secret, 'text'],
  [FORMER_COLUMNS.until, 'seconds'],
] as const;

export const OWN_COLUMN_NAMES: readonly string[] = OWN_COLUMNS.map(([name]) => name);

/** The statement that creates the table. */
export function createTable(options: AppsDatabase, driver: Driver): string {
  const types = { ...driver.types, integer: 'integer', flag: 'smallint' };
  const columns = [
    ...SOKETI_COLUMNS.map(([name, type, rest]) => `  ${driver.quote(name)} ${types[type]} ${rest}`),
    ...OWN_COLUMNS.map(([name, type]) => `  ${driver.quote(name)} ${types[type]} NULL`),
  ];
  return `CREATE TABLE ${quotedTable(options, driver)} (\n${columns.join(',\n')}\n)${driver.tableOptions}`;
}

/** The statement that adds one of our columns to a table that is there. */
export function addColumn(options: AppsDatabase, driver: Driver, name: string): string {
  const [, type = 'text'] = OWN_COLUMNS.find(([own]) => own === name) ?? [];
  return `ALTER TABLE ${quotedTable(options, driver)} ADD COLUMN ${driver.quote(name)} ${driver.types[type]} NULL`;
}
