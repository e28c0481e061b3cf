import { connect as connectTcp, isIP, type Socket } from 'node:net';
import type { FieldPacket, ResultSetHeader } from 'mysql2';
import { ignore } from '../../../core/util/ignore.ts';
import { type ConnectOptions, type Driver, type Row, type SqlConnection, tlsOptions } from './driver.ts';

/** MySQL and MariaDB, by `mysql2`. */
export const mysql: Driver = {
  load: () => import('mysql2/promise'),
  quote: (name) => `\`${name.replaceAll('`', '``')}\``,
  placeholder: () => '?',
  types: { text: 'varchar(255)', seconds: 'bigint', json: 'json' },
  tableOptions: ' CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
  connect,
};

async function connect(options: ConnectOptions, onLost: () => void): Promise<SqlConnection> {
  const { host, port, socketPath, user, password, database, timeoutMs, tls } = options;
  const { createConnection } = await import('mysql2/promise');
  const connection = await createConnection({
    ...(socketPath === undefined ? { host, port } : { socketPath }),
    ...{ user, password, database, charset: 'utf8mb4' },
    ...(tls === undefined ? {} : { ssl: { ...tlsOptions(options), verifyIdentity: tls === 'verified' } }),
    ...(tls === 'verified' && isIP(host) !== 0 ? { stream: () => socketTo(host, port) } : {}),
    connectTimeout: timeoutMs,
    dateStrings: true,
    supportBigNumbers: true,
  });
  connection.on('error', onLost);
  return {
    async query(sql, values) {
      const [result, fields] = await connection.query(sql, [...values]);
      return {
        rows: Array.isArray(result) ? (result as Row[]) : [],
        columns: ((fields as FieldPacket[] | undefined) ?? []).map(({ name }) => name),
        changed: Array.isArray(result) ? 0 : (result as ResultSetHeader).affectedRows,
      };
    },
    destroy() {
      connection.on('error', ignore);
      connection.destroy();
    },
  };
}

/**
 * A connection whose certificate Node compares with this IP address. `mysql2` names no host to `tls.connect`; Node then takes the
 * name under which the socket was opened, which is `localhost` for an address.
 */
const socketTo = (host: string, port: number): Socket =>
  Object.assign(connectTcp({ host, port, keepAlive: true, noDelay: true }), { _host: host });
