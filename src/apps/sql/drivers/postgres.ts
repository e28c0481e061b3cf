import { ignore } from '../../../core/util/ignore.ts';
import { type ConnectOptions, type Driver, type Row, type SqlConnection, tlsOptions } from './driver.ts';

/** PostgreSQL, by `pg`. */
export const postgres: Driver = {
  load: () => import('pg'),
  quote: (name) => `"${name.replaceAll('"', '""')}"`,
  placeholder: (at) => `$${at}`,
  types: { text: 'varchar(255)', seconds: 'bigint', json: 'json' },
  tableOptions: '',
  connect,
};

async function connect(options: ConnectOptions, onLost: () => void): Promise<SqlConnection> {
  const { host, port, socketPath, user, password, database, timeoutMs, tls } = options;
  const { Client } = (await import('pg')).default;
  const client = new Client({
    ...{ host: socketPath ?? host, port, user, password, database },
    ssl: tls === undefined ? false : tlsOptions(options),
    connectionTimeoutMillis: timeoutMs,
    application_name: 'wavehall',
  });
  client.on('error', onLost);
  client.on('end', onLost);
  await client.connect();
  return {
    async query(sql, values) {
      const { rows, fields, rowCount } = await client.query(sql, [...values]);
      return { rows: rows as Row[], columns: fields.map(({ name }) => name), changed: rowCount ?? 0 };
    },
    destroy() {
      client.on('error', ignore);
      // Destroys the socket when a query is under way.
      client.end().catch(ignore);
    },
  };
}
