import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { sleep } from '../../../src/core/util/time.ts';
import { freePort } from '../free-port.ts';
import { accountOf, newFolder, PASSWORD, removeFolder, ServerProcess, type TestDatabase } from './process.ts';

const DEBIAN = '/usr/lib/postgresql';
const START_TIMEOUT_MS = 30_000;

/** Folder of PostgreSQL's programs, where Debian keeps them; `undefined`: it is not installed. */
export const postgresFolder = (): string | undefined =>
  (existsSync(DEBIAN) ? readdirSync(DEBIAN) : [])
    .map((version) => join(DEBIAN, version, 'bin'))
    .filter((folder) => existsSync(join(folder, 'initdb')))
    .at(-1);

/** Starts a PostgreSQL of its own in a temporary folder. */
export async function startPostgres(args: readonly string[] = []): Promise<TestDatabase> {
  const programs = postgresFolder() ?? '';
  const account = accountOf('postgres');
  const folder = newFolder(account);
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, PASSWORD, { mode: 0o644 });
  execFileSync(
    join(programs, 'initdb'),
    [
      '-D',
      data,
      '-U',
      'wavehall',
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
      '--no-sync',
      '-E',
      'UTF8',
      '--locale=C',
    ],
    { stdio: 'pipe', cwd: '/', ...account },
  );
  const port = await freePort();
  const options = [
    ...['-D', data, '-p', `${port}`, '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off'],
    ...['-c', `unix_socket_directories=${folder}`, '-c', 'shared_buffers=16MB', ...args],
  ];
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({
      ...{ host: '127.0.0.1', port, user: 'wavehall', password: PASSWORD, database: 'postgres' },
    });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const start = async (): Promise<ServerProcess> => {
    const server = new ServerProcess(join(programs, 'postgres'), options, account);
    const untilMs = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      const client = await connect().catch(() => undefined);
      if (client !== undefined) {
        await client.end();
        return server;
      }
      if (server.hasExited || performance.now() > untilMs)
        throw new Error(`postgres did not start:\n${server.output}`);
      await sleep(50);
    }
  };
  let server = await start();
  return {
    url: `postgres://wavehall:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres`,
    port,
    folder,
    async execute(...statements) {
      const client = await connect();
      let rows: Record<string, unknown>[] = [];
      for (const each of statements) ({ rows } = await client.query<Record<string, unknown>>(each));
      await client.end();
      return rows;
    },
    // After SIGKILL, its own processes would keep the folder for a while.
    kill: () => server.end('SIGQUIT'),
    pause: () => server.signalAll('SIGSTOP'),
    resume: () => server.signalAll('SIGCONT'),
    async restart() {
      server = await start();
    },
    async close() {
      await server.end('SIGQUIT');
      removeFolder(folder);
    },
  };
}
