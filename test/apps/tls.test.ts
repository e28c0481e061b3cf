/** TLS to the database of the apps: certificates that are accepted and refused, and what the operator is told. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { run } from '../cli/command.ts';
import { type Authority, authorityIn } from '../support/certificates.ts';
import { newFolder, PASSWORD, removeFolder, type TestDatabase } from '../support/databases/process.ts';
import { startServer } from '../support/server.ts';
import { http } from '../support/wire-http.ts';
import { type Kind, openWatch, withDatabases } from './databases.ts';
import { waitFor } from '../support/wait-for.ts';

const LONG_MS = 60_000;
vi.setConfig({ testTimeout: LONG_MS, hookTimeout: LONG_MS });

const CA = 'WAVEHALL_APPS_DATABASE_TLS_CA';

withDatabases('TLS to the database', (kind: Kind) => {
  const folder = newFolder(kind.account());
  let [authority, other]: Authority[] = [];
  let database: TestDatabase;

  beforeAll(async () => {
    const [ours, foreign] = [newFolder(undefined), newFolder(undefined)];
    [authority, other] = [authorityIn(ours), authorityIn(foreign)];
    database = await kind.start(kind.tlsArgs(...use(authority.issue('IP:127.0.0.1'))));
    await openWatch(database, { table: 'apps' }).admin.migrate();
    return () => [ours, foreign, folder].forEach(removeFolder);
  });
  afterAll(() => database.close());

  /** Puts the files where the server reads them when it starts. */
  const use = (files: Parameters<Kind['install']>[1]): [string, string] => kind.install(folder, files);
  const restartWith = async (files: Parameters<Kind['install']>[1]): Promise<void> => {
    use(files);
    await database.kill();
    await database.restart();
  };
  const open = (query: string, variables: Record<string, string> = {}, host = '127.0.0.1') => {
    const url = `${database.url}${query}`.replace('127.0.0.1', host);
    const site = openWatch({ url }, { table: 'apps' }, variables);
    onTestFinished(() => site.watch.stop());
    return site;
  };
  const isEncrypted = async ({ watch }: ReturnType<typeof openWatch>): Promise<boolean> => {
    const { rows } = await watch.database.run(() => kind.encryption.sql);
    return kind.encryption.isOn(rows[0] ?? {});
  };
  /** The reason and the sentence with which the table is not read. */
  const refusalOf = async (...given: Parameters<typeof open>) => {
    const { watch, lines } = open(...given);
    await watch.start(10_000);
    expect(watch.apps.isKnown).toBe(false);
    const said = JSON.stringify([watch.state, lines('')]);
    for (const secret of [PASSWORD, encodeURIComponent(PASSWORD)]) expect(said).not.toContain(secret);
    expect([...watch.log.failures.keys()]).toEqual(['tls']);
    return watch.state.problem ?? '';
  };
  const withCa = () => ({ [CA]: authority?.certificate ?? '' });

  describe('a certificate of a known CA, for the host of the URL', () => {
    test.each([
      '?sslmode=require',
      '?ssl-mode=REQUIRED',
      '?sslmode=verify-ca',
      '?sslmode=verify-full',
      '?ssl-mode=VERIFY_IDENTITY',
      '',
    ])('2.18 is used with the CA and "%s", and the connection is encrypted', async (query) => {
      const site = open(query, withCa());
      expect(await isEncrypted(site)).toBe(true);
      await site.watch.start(10_000);
      expect(site.watch.apps.isKnown).toBe(true);
    });

    test('2.18 is used by the variables of Laravel', async () => {
      const { username, password, port, pathname } = new URL(database.url);
      const isMysql = kind.name === 'MariaDB';
      const laravel = {
        WAVEHALL_APPS_DATABASE: 'laravel',
        DB_CONNECTION: isMysql ? 'mysql' : 'pgsql',
        DB_HOST: '127.0.0.1',
        DB_PORT: port,
        DB_USERNAME: username,
        DB_PASSWORD: decodeURIComponent(password),
        DB_DATABASE: pathname.slice(1),
        ...(isMysql
          ? { MYSQL_ATTR_SSL_CA: authority?.certificate ?? '' }
          : { DB_SSLMODE: 'verify-full', ...withCa() }),
      };
      expect(await isEncrypted(open('', laravel))).toBe(true);
    });

    test.each([
      ['?sslmode=no-verify', {}],
      ['?sslmode=require', { WAVEHALL_APPS_DATABASE_TLS_VERIFY: 'false' }],
    ])('2.18 is not looked at with "%s" %j; the connection is encrypted', async (query, variables) => {
      expect(await isEncrypted(open(query, variables))).toBe(true);
    });

    test.each(['', '?sslmode=disable', '?ssl-mode=DISABLED'])(
      '2.18 without TLS ("%s") nothing is encrypted',
      async (query) => {
        expect(await isEncrypted(open(query))).toBe(false);
      },
    );

    test('2.18 is not asked for over a unix socket, whatever is set', async () => {
      const socket = kind.name === 'MariaDB' ? join(database.folder, 's') : database.folder;
      expect(await isEncrypted(open(`?sslmode=require&socket=${socket}`, withCa()))).toBe(false);
    });

    test('2.18 is refused without its CA, or with another CA', async () => {
      for (const variables of [{}, { [CA]: other?.certificate ?? '' }]) {
        const sentence = await refusalOf('?sslmode=require', variables);
        expect(sentence).toContain('its TLS certificate is not accepted (');
        expect(sentence).toContain(`name the file of its CA in ${CA}`);
      }
    });
  });

  describe('another certificate', () => {
    test('2.18 is refused if it is for another name, also for localhost in place of the address', async () => {
      await restartWith(authority!.issue('DNS:localhost,DNS:db.test'));
      const sentence = await refusalOf('?sslmode=require', withCa());
      expect(sentence).toContain('its TLS certificate is not for 127.0.0.1: use a name that it has');
      expect(await isEncrypted(open('?sslmode=require', withCa(), 'localhost'))).toBe(true);
      await restartWith(authority!.issue('IP:127.0.0.1'));
      expect(await refusalOf('?sslmode=require', withCa(), 'localhost')).toContain('is not for localhost');
    });

    test('2.18 is refused if it has expired', async () => {
      await restartWith(authority!.issue('IP:127.0.0.1', -1));
      const sentence = await refusalOf('?sslmode=require', withCa());
      expect(sentence).toContain('is not accepted (certificate has expired): renew it');
      await restartWith(authority!.issue('IP:127.0.0.1'));
    });
  });

  test('2.18 a database without TLS is refused where TLS is asked for', async () => {
    const plain = await kind.start();
    onTestFinished(() => plain.close());
    const { watch } = openWatch({ url: `${plain.url}?sslmode=no-verify` });
    await watch.start(10_000);
    watch.stop();
    expect(watch.state.problem).toContain(
      'it does not offer TLS: switch TLS on there, or set neither sslmode',
    );
  });

  test('2.18 a database that accepts TLS only is said, with what to set', async () => {
    const admin = open('?sslmode=require', withCa());
    const execute = (sql: string) => admin.watch.database.run(() => sql);
    const rules = join(database.folder, 'data/pg_hba.conf');
    const require = async (isRequired: boolean): Promise<void> => {
      if (kind.name === 'MariaDB')
        await execute(`SET GLOBAL require_secure_transport = ${isRequired ? 'ON' : 'OFF'}`);
      else {
        writeFileSync(rules, `${isRequired ? 'hostssl' : 'host'} all all all scram-sha-256\n`);
        await execute('SELECT pg_reload_conf()');
      }
    };
    await require(true);
    try {
      await waitFor(async () => {
        const { watch } = open('');
        await watch.start(10_000);
        expect(watch.state.problem).toMatch(
          kind.name === 'MariaDB'
            ? /Access denied .*This connection has no TLS: if the database asks for it, add sslmode=require$/
            : /it accepts connections over TLS only: add sslmode=require/,
        );
        expect(watch.state.problem).not.toContain(PASSWORD);
      });
    } finally {
      await require(false);
    }
  });

  test('2.18 a server starts with the right CA; with a wrong one it is not ready, and says why', async () => {
    const settings = (ca: string | undefined) => ({
      WAVEHALL_APPS_DATABASE: `${database.url}?sslmode=require`,
      ...(ca === undefined ? {} : { [CA]: ca }),
    });
    const readyOf = async (ca: string | undefined) => {
      const server = await startServer(settings(ca));
      onTestFinished(() => server.close());
      const { status } = await http(server, { method: 'GET', path: '/ready' });
      return { status, output: server.output() };
    };
    expect((await readyOf(authority?.certificate)).status).toBe(200);
    const { status, output } = await readyOf(other?.certificate);
    expect(status).toBe(503);
    expect(output).toContain(`name the file of its CA in ${CA}`);
    expect(output).not.toContain(encodeURIComponent(PASSWORD));
    const listed = await run(['apps', 'list'], settings(undefined));
    expect([listed.code, listed.stdout]).toEqual([1, '']);
    expect(listed.stderr).toMatch(
      /^wavehall: (mysql|postgres):\/\/127\.0\.0\.1:\d+\/\w+: its TLS certificate is not accepted \([^\n]+\n$/,
    );
    expect((await run(['apps', 'list'], settings(authority?.certificate))).code).toBe(0);
  });
});
