/** The commands on a real database: the schema that `wavehall apps schema` prints, and what `wavehall doctor` says. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Outcome, run } from '../cli/command.ts';
import { freePort } from '../support/free-port.ts';
import { authorityIn } from '../support/certificates.ts';
import { newFolder, PASSWORD, removeFolder, type TestDatabase } from '../support/databases/process.ts';
import { startServer } from '../support/server.ts';
import { publisher } from '../support/wire-http.ts';
import { type Kind, withDatabases } from './databases.ts';
import { waitFor } from '../support/wait-for.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

interface Credentials {
  readonly id: string;
  readonly key: string;
  readonly secret: string;
}

interface Report {
  readonly errors: number;
  readonly warnings: number;
  readonly findings: readonly {
    readonly name: string;
    readonly severity: string;
    readonly message: string;
    readonly means?: string;
    readonly fix?: { readonly run?: string; readonly line?: string };
  }[];
}

withDatabases('commands on a database', (kind: Kind) => {
  let database: TestDatabase;
  let tables = 0;
  beforeAll(async () => {
    database = await kind.start();
  });
  afterAll(() => database.close());

  const settings = (changes: Record<string, string> = {}): Record<string, string> => ({
    WAVEHALL_APPS_DATABASE: database.url,
    WAVEHALL_APPS_TABLE: `apps${tables}`,
    WAVEHALL_APPS_REFRESH_SECONDS: '1',
    WAVEHALL_APPS_DATABASE_TIMEOUT: '2',
    ...changes,
  });
  const command = async (args: string, changes?: Record<string, string>): Promise<Outcome> => {
    const outcome = await run(args.split(' '), settings(changes));
    for (const secret of [PASSWORD, encodeURIComponent(PASSWORD)])
      expect(outcome.stdout + outcome.stderr).not.toContain(secret);
    return outcome;
  };
  const answer = async <T>(args: string): Promise<T> => {
    const { code, stdout, stderr } = await command(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout) as T;
  };
  /** A table of its own, created by `wavehall apps migrate`. */
  const newTable = async (...statements: readonly string[]): Promise<void> => {
    tables += 1;
    await answer('apps migrate');
    await database.execute(...statements.map((each) => each.replaceAll('TABLE_', `apps${tables}`)));
  };
  const row = (id: string, more = ''): string =>
    `INSERT INTO TABLE_ (id, ${kind.q('key')}, secret${more && ', webhooks'}) VALUES ('${id}', 'key-${id}', 'planted-${id}'${more && `, '${more}'`})`;

  describe('the schema', () => {
    test("2.18 the database's own client runs what wavehall apps schema prints, and the commands and a server use it", async () => {
      tables += 1;
      const { code, stdout: schema, stderr } = await command('apps schema');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(schema).toMatch(/^CREATE TABLE [^;]+;\n$/);
      kind.shell(database.url, schema);
      expect(await answer('apps migrate')).toEqual({ done: [] });

      const app = await answer<Credentials>('apps add shop');
      const server = await startServer(settings());
      onTestFinished(() => server.close());
      const statusOf = async ({ id, key, secret }: Credentials): Promise<number> => {
        const { host, port } = server;
        return (await publisher({ id, key, secret, host, port, prefix: '' }).get('/channels')).status;
      };
      expect(await statusOf(app)).toBe(200);
      const rotated = await answer<Credentials>('apps rotate shop --key');
      expect([await statusOf(rotated), await statusOf(app)]).toEqual([200, 200]);
      const { apps } = await answer<{ apps: readonly object[] }>('apps list');
      expect(apps).toEqual([
        expect.objectContaining({ id: 'shop', enabled: true, keys: [rotated.key, app.key] }),
      ]);
      await answer('apps disable shop');
      await waitFor(async () => expect(await statusOf(rotated)).toBe(403));
      await answer('apps enable shop');
      await waitFor(async () => expect(await statusOf(rotated)).toBe(200));
    });

    test('2.18 the printed table is the one that wavehall apps migrate creates', async () => {
      await newTable();
      const migrated = await kind.columns(database, `apps${tables}`);
      tables += 1;
      kind.shell(database.url, (await command('apps schema')).stdout);
      expect(await kind.columns(database, `apps${tables}`)).toEqual(migrated);
      expect(migrated.length).toBeGreaterThan(20);
    });
  });

  describe('wavehall doctor', () => {
    /** Findings of the doctor about the database, all its findings, and its exit code. */
    const doctor = async (changes: Record<string, string> = {}) => {
      const { code, stdout } = await command('doctor --json', {
        REVERB_SERVER_PORT: `${await freePort()}`,
        ...changes,
      });
      expect(stdout).not.toContain('planted-');
      const { findings } = JSON.parse(stdout) as Report;
      return { code, findings: findings.filter(({ name }) => /^(apps-)?database/.test(name)), all: findings };
    };
    const place = kind.name === 'MariaDB' ? 'mysql' : 'postgres';

    test('2.18 names the table and counts its apps; other checks use its first app', async () => {
      await newTable(row('a'), row('b'));
      const { findings, all } = await doctor();
      expect(findings).toEqual([
        {
          name: 'apps-database',
          severity: 'ok',
          message: expect.stringMatching(
            new RegExp(`^${place}://127\\.0\\.0\\.1:\\d+/\\w+, table apps${tables}: 2 apps$`),
          ),
        },
      ]);
      expect(all.find(({ name }) => name === 'server-settings')?.message).toContain(`apps from ${place}://`);
      const server = await startServer(settings());
      onTestFinished(() => server.close());
      const { all: running } = await doctor({ REVERB_SERVER_PORT: `${server.port}` });
      expect(running.find(({ name }) => name === 'round-trip')?.severity).toBe('ok');
    });

    test('2.18 an unreachable database', async () => {
      const { code, findings } = await doctor({
        WAVEHALL_APPS_DATABASE: database.url.replace(`:${database.port}/`, `:${await freePort()}/`),
      });
      expect(findings).toMatchObject([
        { name: 'database-unreachable', severity: 'error', message: expect.stringContaining('ECONNREFUSED') },
      ]);
      expect(findings[0]?.means).toBe('Wavehall answers 503 until it can read the apps.');
      expect(code).toBe(2);
    });

    test('2.18 a database that does not answer', async () => {
      database.pause();
      onTestFinished(() => database.resume());
      const { code, stdout } = await command('doctor --timeout 1');
      expect(stdout).toMatch(
        / error {4}database-unreachable +\w+:\/\/[^\n]+: it did not answer within 1 s\n/,
      );
      expect(code).toBe(2);
    });

    test('2.18 a wrong password, which is not shown', async () => {
      const wrong = 'planted-wrong';
      const { code, findings } = await doctor({
        WAVEHALL_APPS_DATABASE: database.url.replace(encodeURIComponent(PASSWORD), wrong),
      });
      expect(findings).toMatchObject([{ name: 'database-login-refused', severity: 'error' }]);
      expect(code).toBe(2);
    });

    test('2.18 a user who may not read the table', async () => {
      await newTable();
      const user = `reader${tables}`;
      await database.execute(
        ...(kind.name === 'MariaDB'
          ? [
              `CREATE USER ${user} IDENTIFIED BY 'planted-pw'`,
              `CREATE TABLE other${tables} (x int)`,
              `GRANT SELECT ON other${tables} TO ${user}`,
            ]
          : [`CREATE USER ${user} PASSWORD 'planted-pw'`]),
      );
      const { findings } = await doctor({
        WAVEHALL_APPS_DATABASE: database.url.replace(/\/\/[^@]+@/, `//${user}:planted-pw@`),
      });
      expect(findings).toMatchObject([{ name: 'database-no-permission', severity: 'error' }]);
    });

    test('2.18 a missing table, with the command that creates it', async () => {
      const { code, findings } = await doctor({ WAVEHALL_APPS_TABLE: 'missing' });
      expect(findings).toMatchObject([
        { name: 'database-table-missing', severity: 'error', fix: { run: 'wavehall apps migrate' } },
      ]);
      expect(code).toBe(2);
    });

    test('2.18 a certificate that is not accepted', async () => {
      const [folder, files] = [newFolder(undefined), newFolder(kind.account())];
      const authority = authorityIn(folder);
      const issued = authority.issue('IP:127.0.0.1');
      const secured = await kind.start(kind.tlsArgs(...kind.install(files, issued)));
      onTestFinished(async () => {
        await secured.close();
        [folder, files].forEach(removeFolder);
      });
      const url = { WAVEHALL_APPS_DATABASE: `${secured.url}?sslmode=require`, WAVEHALL_APPS_TABLE: 'none' };
      expect((await doctor(url)).findings).toMatchObject([
        {
          name: 'database-tls-refused',
          severity: 'error',
          message: expect.stringContaining('WAVEHALL_APPS_DATABASE_TLS_CA'),
        },
      ]);
      const trusted = await doctor({ ...url, WAVEHALL_APPS_DATABASE_TLS_CA: authority.certificate });
      expect(trusted.findings).toMatchObject([{ name: 'database-table-missing' }]);
    });

    test('2.18 a table without a row', async () => {
      await newTable();
      expect((await doctor()).findings).toMatchObject([
        { name: 'database-empty', severity: 'error', fix: { run: 'wavehall apps add' } },
      ]);
    });

    test('2.18 each bad row, and a column without an effect', async () => {
      await newTable(row('a'), row('b', '{"no":"list"}'), row('c', '{"no":"list"}'));
      await database.execute(
        `ALTER TABLE apps${tables} ADD COLUMN colour varchar(9)`,
        `UPDATE apps${tables} SET colour = 'red'`,
      );
      const { code, findings } = await doctor();
      expect(findings.map(({ name, severity, message }) => [name, severity, message])).toEqual([
        ['database-row-invalid', 'error', `apps${tables}["b"].webhooks: expected a list of endpoints`],
        ['database-row-invalid', 'error', `apps${tables}["c"].webhooks: expected a list of endpoints`],
        ['database-column-ignored', 'warning', expect.stringContaining('colour')],
      ]);
      expect(code).toBe(2);
    });

    test('2.18 as many bad rows as the report has lines for, and one more', async () => {
      await newTable(...Array.from({ length: 20 }, (_, at) => row(`r${at + 10}`, '{}')));
      const full = (await doctor()).findings;
      expect(full).toHaveLength(20);
      expect(JSON.stringify(full)).not.toContain('more such');
      await database.execute(row('r99', '{}').replace('TABLE_', `apps${tables}`));
      const { findings } = await doctor();
      expect(findings).toHaveLength(21);
      expect(findings.at(-1)?.message).toMatch(/: 1 more such rows or columns$/);
    });

    test('2.18 as many rows as WAVEHALL_MAX_APPS, and one more', async () => {
      await newTable(row('a'), row('b'));
      const limited = { WAVEHALL_MAX_APPS: '2' };
      expect((await doctor(limited)).findings).toMatchObject([{ name: 'apps-database', severity: 'ok' }]);
      await database.execute(row('c').replace('TABLE_', `apps${tables}`));
      expect((await doctor(limited)).findings).toMatchObject([
        { name: 'database-too-many-apps', severity: 'error', fix: { line: 'WAVEHALL_MAX_APPS=4' } },
      ]);
    });

    test('2.18 says so when the apps are in no database', async () => {
      const { code, findings } = await doctor({ WAVEHALL_APPS_DATABASE: '' });
      expect(findings).toMatchObject([{ name: 'apps-database', severity: 'skipped' }]);
      expect(code).not.toBe(null);
    });
  });
});
