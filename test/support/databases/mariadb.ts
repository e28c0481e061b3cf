import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { sleep } from '../../../src/core/util/time.ts';
import { freePort } from '../free-port.ts';
import { program } from '../programs.ts';
import { newFolder, PASSWORD, removeFolder, ServerProcess, type TestDatabase } from './process.ts';

export const MARIADB_PROGRAMS = ['mariadbd', 'mariadb-install-db', 'mariadb'];
const START_TIMEOUT_MS = 30_000;

/** Starts a MariaDB of its own in a temporary folder. */
export async function startMariaDb(args: readonly string[] = []): Promise<TestDatabase> {
  const folder = newFolder(undefined);
  const data = join(folder, 'data');
  const as = process.getuid?.() === 0 ? ['--user=root'] : [];
  execFileSync(
    program('mariadb-install-db'),
    [
      '--no-defaults',
      `--datadir=${data}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      ...as,
    ],
    { stdio: 'pipe' },
  );
  const init = join(folder, 'init.sql');
  writeFileSync(
    init,
    [
      'CREATE DATABASE IF NOT EXISTS wavehall;',
      `CREATE USER IF NOT EXISTS 'wavehall'@'%' IDENTIFIED BY '${PASSWORD}';`,
      "GRANT ALL ON *.* TO 'wavehall'@'%' WITH GRANT OPTION;",
    ].join('\n'),
  );
  const port = await freePort();
  const options = [
    ...['--no-defaults', `--datadir=${data}`, `--port=${port}`, '--bind-address=127.0.0.1', ...as],
    ...[`--socket=${join(folder, 's')}`, `--pid-file=${join(folder, 'pid')}`, `--init-file=${init}`],
    ...[
      '--innodb-buffer-pool-size=16M',
      '--innodb-flush-log-at-trx-commit=2',
      '--skip-name-resolve',
      ...args,
    ],
  ];
  const connect = () =>
    createConnection({ host: '127.0.0.1', port, user: 'wavehall', password: PASSWORD, database: 'wavehall' });
  const start = async (): Promise<ServerProcess> => {
    const server = new ServerProcess(program('mariadbd'), options, undefined);
    const untilMs = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      const connection = await connect().catch(() => undefined);
      if (connection !== undefined) {
        await connection.end();
        return server;
      }
      if (server.hasExited || performance.now() > untilMs)
        throw new Error(`mariadbd did not start:\n${server.output}`);
      await sleep(50);
    }
  };
  let server = await start();
  return {
    url: `mysql://wavehall:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/wavehall`,
    port,
    folder,
    async execute(...statements) {
      const connection = await connect();
      let rows: unknown = [];
      for (const each of statements) [rows] = await connection.query(each);
      await connection.end();
      return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
    },
    kill: () => server.end('SIGKILL'),
    pause: () => server.signalAll('SIGSTOP'),
    resume: () => server.signalAll('SIGCONT'),
    async restart() {
      server = await start();
    },
    async close() {
      await server.end('SIGKILL');
      removeFolder(folder);
    },
  };
}
