import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { App } from '../../src/core/app.ts';
import type { TestDatabase } from '../support/databases/process.ts';
import { type Kind, openWatch, withDatabases } from './databases.ts';
import { waitFor } from '../support/wait-for.ts';

withDatabases('apps of a database', (kind: Kind) => {
  const { q } = kind;
  let database: TestDatabase;
  let opened: ReturnType<typeof openWatch>[] = [];
  let tables = 0;

  beforeAll(async () => {
    database = await kind.start();
  });
  afterEach(() => {
    for (const { watch } of opened) watch.stop();
    opened = [];
  });
  afterAll(() => database.close());

  const open = (
    ...[changes, variables]: [Parameters<typeof openWatch>[1]?, Parameters<typeof openWatch>[2]?]
  ) => {
    const site = openWatch(database, { table: `t${++tables}`, ...changes }, variables);
    opened.push(site);
    return site;
  };
  /** A table of its own, with apps `a` and `b`. */
  const openTable = async (...given: Parameters<typeof open>) => {
    const site = open(...given);
    await site.admin.migrate();
    const table = site.options.table.split('.').map(q).join('.');
    const run = (sql: string) => database.execute(sql.replaceAll('TABLE_', table));
    for (const id of ['a', 'b'])
      await run(`INSERT INTO TABLE_ (id, ${q('key')}, secret) VALUES ('${id}', 'key-${id}', 'secret-${id}')`);
    await site.watch.start(10_000);
    return { ...site, run };
  };

  describe('rows', () => {
    test("2.18 reads soketi's own table as it is", async () => {
      await database.execute(...kind.soketi);
      const { watch, logger } = open({ table: 'apps' });
      await watch.start(10_000);
      expect(logger.warnings).toEqual([]);
      const app = await watch.apps.byKey('app-key');
      expect(app).toMatchObject({
        id: 'app-id',
        enabled: true,
        credentials: [{ key: 'app-key', secret: 'app-secret' }],
        clientEvents: 'members',
        authorizeWithinSeconds: 0,
        webhooks: [],
        limits: { connections: 200, clientEventsPerSecond: 0, requestsPerSecond: 0 },
      });
      await database.execute(
        `UPDATE apps SET max_event_payload_in_kb = 50, max_presence_members_per_channel = 20, enable_user_authentication = 1,
         enable_client_messages = 0, webhooks = '[{"url":"https://example.com/h","event_types":["channel_occupied"]}]'`,
      );
      await waitFor(() =>
        expect(watch.apps.get('app-id')).toMatchObject({
          clientEvents: 'none',
          authorizeWithinSeconds: 30,
          webhooks: [{ name: 'app-id-1', eventTypes: ['channel_occupied'] }],
          limits: { eventDataBytes: 51_200, presenceMembers: 20 },
        }),
      );
      await watch.refresh();
      const rotated = await opened[0]?.admin.rotate('app-id', { key: false });
      await watch.refresh();
      expect(watch.apps.get('app-id')?.credentials.map(({ secret }) => secret)).toEqual([
        rotated?.secret,
        'app-secret',
      ]);
    });

    test('2.18 takes a column that is named like an option, and the options of one JSON column', async () => {
      const { watch, run } = await openTable();
      await run('ALTER TABLE TABLE_ ADD COLUMN allowed_origins varchar(255)');
      await run(
        `UPDATE TABLE_ SET allowed_origins = 'shop.test', options = '{"ping_interval":7,"allowed_origins":["no.test"],"rate_limiting":{"enabled":true,"max_attempts":3}}' WHERE id = 'a'`,
      );
      await waitFor(() =>
        expect(watch.apps.get('a')).toMatchObject({
          allowedOrigins: ['shop.test'],
          pingIntervalSeconds: 7,
          rateLimiting: { maxAttempts: 3 },
        }),
      );
      expect(watch.apps.get('b')).toMatchObject({ allowedOrigins: ['*'], rateLimiting: undefined });
    });

    test('2.18 takes what a row does not have from the variables', async () => {
      const { watch } = await openTable({}, { WAVEHALL_HISTORY_SIZE: '7' });
      expect(watch.apps.all.map(({ historySize }) => historySize)).toEqual([7, 7]);
    });

    test('2.18 an app is the same object until its row changes', async () => {
      const { watch, run } = await openTable();
      const [a, b] = watch.apps.all;
      const changes = vi.fn();
      watch.apps.onChange(changes);
      await watch.refresh();
      expect(changes).not.toHaveBeenCalled();
      await run("UPDATE TABLE_ SET max_connections = 5 WHERE id = 'a'");
      await waitFor(() => expect(watch.apps.get('a')?.limits.connections).toBe(5));
      expect(watch.apps.get('b')).toBe(b);
      expect(changes).toHaveBeenCalledExactlyOnceWith([{ before: a, after: watch.apps.get('a') }]);
    });

    test('2.18 adds, disables and removes apps as the rows say', async () => {
      const { watch, ids, run, admin } = await openTable();
      const { id, key } = await admin.add();
      await waitFor(() => expect(ids()).toContain(id));
      expect((await watch.apps.byKey(key))?.id).toBe(id);
      await admin.setEnabled('a', false);
      await waitFor(() => expect(watch.apps.get('a')?.enabled).toBe(false));
      await admin.setEnabled('a', true);
      await waitFor(() => expect(watch.apps.get('a')?.enabled).toBe(true));
      await run("DELETE FROM TABLE_ WHERE id = 'b'");
      await waitFor(() => expect(watch.apps.get('b')).toBeUndefined());
      expect(await watch.apps.byKey('key-b')).toBeUndefined();
    });
  });

  describe('bad rows', () => {
    test('2.18 a bad row is said once and leaves the others alone', async () => {
      const { watch, ids, run, lines } = await openTable();
      await run(
        `INSERT INTO TABLE_ (id, ${q('key')}, secret, webhooks) VALUES ('c', 'key-c', 'very-secret', '{"no":"list"}')`,
      );
      await waitFor(() => expect(lines('not served')).toHaveLength(1));
      await watch.refresh();
      await watch.refresh();
      expect(ids()).toEqual(['a', 'b']);
      expect(lines('not served')).toEqual([
        {
          message: 'A row of the table of apps is not valid: its app is not served',
          details: {
            table: `t${tables}`,
            app: 'c',
            problem: `t${tables}["c"].webhooks: expected a list of endpoints`,
          },
        },
      ]);
      expect(JSON.stringify(lines(''))).not.toContain('very-secret');
      await run("UPDATE TABLE_ SET webhooks = NULL WHERE id = 'c'");
      await waitFor(() => expect(ids()).toEqual(['a', 'b', 'c']));
    });

    test('2.18 a row that is not valid any more leaves its app as it was, unless the row disables it', async () => {
      const { watch, run, lines } = await openTable();
      const before = watch.apps.get('a');
      await run(
        'UPDATE TABLE_ SET options = \'{"ping_interval":"often"}\', max_connections = 9 WHERE id = \'a\'',
      );
      await waitFor(() => expect(lines('as it was before')).toHaveLength(1));
      expect(watch.apps.get('a')).toEqual(before);
      expect(JSON.stringify(lines('as it was before'))).toContain('ping_interval');
      await run("UPDATE TABLE_ SET enabled = 0 WHERE id = 'a'");
      await waitFor(() => expect(watch.apps.get('a')).toEqual({ ...before, enabled: false }));
    });

    test('2.18 of two apps with one key the first by its id is served, and this is said', async () => {
      const { watch, ids, run, lines } = await openTable();
      // The columns of soketi have no unique key.
      await run(
        kind.name === 'MariaDB'
          ? 'ALTER TABLE TABLE_ DROP INDEX `key`'
          : `ALTER TABLE TABLE_ DROP CONSTRAINT t${tables}_key_key`,
      );
      await run(`INSERT INTO TABLE_ (id, ${q('key')}, secret) VALUES ('0', 'key-b', 's')`);
      await waitFor(() => expect(ids()).toEqual(['0', 'a']));
      expect((await watch.apps.byKey('key-b'))?.id).toBe('0');
      expect(lines('expected to be used by one app only')).toHaveLength(1);
    });

    test.each([`it's "quoted"`, '`; DROP TABLE x; --', '🚀 ünï', ' ', '../..', '__proto__', 'constructor'])(
      '2.18 takes an id and a key that are %j as they are',
      async (id) => {
        const { watch, run } = await openTable();
        const text = `'${id.replaceAll("'", "''")}'`;
        await run(`INSERT INTO TABLE_ (id, ${q('key')}, secret) VALUES (${text}, ${text}, 's')`);
        await watch.refresh();
        expect((await watch.apps.byKey(id))?.id).toBe(id);
        expect(watch.apps.get(id)?.credentials).toEqual([{ key: id, secret: 's' }]);
      },
    );

    test('2.18 a row cannot raise the bytes that are read before its app is known', async () => {
      const { watch, run, lines } = await openTable({}, { REVERB_MAX_REQUEST_SIZE: '200000' });
      await run(`UPDATE TABLE_ SET options = '{"max_request_size":200000}' WHERE id = 'a'`);
      await run(`UPDATE TABLE_ SET options = '{"max_request_size":200001}' WHERE id = 'b'`);
      await watch.refresh();
      expect(watch.apps.all.map(({ limits }) => limits.requestBytes)).toEqual([200_000, 200_000]);
      const notes = lines('REVERB_MAX_REQUEST_SIZE').map(({ details }) => (details as { note: string }).note);
      expect(notes).toEqual([expect.stringContaining('["b"].max_request_size=200001: 200000 is used')]);
    });
  });

  describe('secrets', () => {
    test('7.6 a replaced secret stays valid for the overlap, also one that was replaced by hand', async () => {
      const { run, secretsOf, watch } = await openTable({ overlapSeconds: 2 });
      await run("UPDATE TABLE_ SET secret = 'next' WHERE id = 'a'");
      await waitFor(() => expect(secretsOf('a')).toEqual(['next', 'secret-a']));
      await waitFor(() => expect(secretsOf('a')).toEqual(['next']));
      expect(watch.apps.get('b')?.credentials).toHaveLength(1);
    });

    test('7.6 the columns of a rotation hold for a process that starts after it', async () => {
      const { admin, watch, options } = await openTable();
      const { key, secret } = await admin.rotate('a', { key: true });
      const expected = [
        { key, secret },
        { key: 'key-a', secret: 'secret-a' },
      ];
      await waitFor(() => expect(watch.apps.get('a')?.credentials).toEqual(expected));
      const later = openWatch(database, { table: options.table });
      opened.push(later);
      await later.watch.start(10_000);
      expect(later.watch.apps.get('a')?.credentials).toEqual(expected);
      expect((await later.watch.apps.byKey('key-a'))?.id).toBe('a');
    });

    test('7.6 a rotation without an overlap ends the former pair at once', async () => {
      const { admin, secretsOf } = await openTable();
      const { secret } = await admin.rotate('a', { key: false, overlapSeconds: 0 });
      await waitFor(() => expect(secretsOf('a')).toEqual([secret]));
    });

    test('7.6 two rotations leave both former pairs valid in a process that saw them', async () => {
      const { admin, secretsOf, watch } = await openTable();
      const first = await admin.rotate('a', { key: false });
      await watch.refresh();
      const second = await admin.rotate('a', { key: false });
      await watch.refresh();
      expect(secretsOf('a')).toEqual([second.secret, first.secret, 'secret-a']);
    });

    test('7.6 pairs of an app that was removed are not valid for a later app with its id', async () => {
      const { run, secretsOf, watch } = await openTable();
      await run("UPDATE TABLE_ SET secret = 'next' WHERE id = 'a'");
      await waitFor(() => expect(secretsOf('a')).toHaveLength(2));
      await run("DELETE FROM TABLE_ WHERE id = 'a'");
      await waitFor(() => expect(watch.apps.get('a')).toBeUndefined());
      await run(`INSERT INTO TABLE_ (id, ${q('key')}, secret) VALUES ('a', 'other', 'other')`);
      await waitFor(() => expect(secretsOf('a')).toEqual(['other']));
    });

    test('7.6 the key of an app never opens connections of the one that had it before', async () => {
      const { run, watch } = await openTable();
      await run(`UPDATE TABLE_ SET ${q('key')} = 'new-a' WHERE id = 'a'`);
      await waitFor(async () => expect((await watch.apps.byKey('new-a'))?.id).toBe('a'));
      expect((await watch.apps.byKey('key-a'))?.id).toBe('a');
      await run(`UPDATE TABLE_ SET ${q('key')} = 'key-a' WHERE id = 'b'`);
      await waitFor(async () => expect((await watch.apps.byKey('key-a'))?.id).toBe('b'));
    });
  });

  describe('limits and failures', () => {
    test('2.18 reads a table with as many rows as it may have, and with one more goes on with what is known', async () => {
      const { watch, ids, admin, lines } = await openTable({ maxApps: 3 });
      const { id } = await admin.add('c');
      await watch.refresh();
      expect(ids()).toEqual(['a', 'b', id]);
      await admin.add('d');
      await expect(watch.refresh()).rejects.toMatchObject({ reason: 'too_many' });
      expect(ids()).toEqual(['a', 'b', 'c']);
      expect(lines('WAVEHALL_MAX_APPS')).toHaveLength(1);
    });

    test('2.18 a table that is missing is said with the command that creates it, and read when it is there', async () => {
      const { watch, admin, lines } = open();
      await watch.start(10_000);
      expect(watch.apps.isKnown).toBe(false);
      await expect(watch.apps.byKey('key')).rejects.toThrow('not read yet');
      expect(JSON.stringify(lines('no table'))).toContain('wavehall apps migrate');
      await admin.migrate();
      await waitFor(() => expect(watch.apps.isKnown).toBe(true));
      expect(watch.apps.all).toEqual([]);
      expect(await watch.apps.byKey('key')).toBeUndefined();
    });

    test('2.18 a wrong password is said without the password', async () => {
      const wrong = 'not-the-password';
      const { watch, lines } = open({ password: wrong });
      await watch.start(10_000);
      expect(watch.log.failures.get('login')).toBeGreaterThan(0);
      expect(lines('cannot be read')).toHaveLength(1);
      expect(JSON.stringify(lines(''))).not.toContain(wrong);
    });

    test('2.18 a user who may not read the table is said', async () => {
      const { options } = await openTable();
      const user = `u${tables}`;
      await database.execute(
        ...(kind.name === 'MariaDB'
          ? [
              `CREATE USER ${user} IDENTIFIED BY 'pw'`,
              `CREATE TABLE o${tables} (x int)`,
              `GRANT SELECT ON wavehall.o${tables} TO ${user}`,
            ]
          : [`CREATE USER ${user} PASSWORD 'pw'`]),
      );
      const { watch } = open({ table: options.table, user, password: 'pw' });
      await watch.start(10_000);
      expect([...watch.log.failures.keys()]).toEqual(['permission']);
      expect(watch.state.problem).toContain(user);
    });

    test('2.18 what is known goes on while the database is away, and changes are live when it is back', async () => {
      const { watch, run, ids, lines } = await openTable({ overlapSeconds: 1 });
      await run("UPDATE TABLE_ SET secret = 'next' WHERE id = 'a'");
      await waitFor(() => expect(watch.apps.get('a')?.credentials).toHaveLength(2));
      const known = watch.apps.all;
      await database.kill();
      await expect(watch.refresh()).rejects.toMatchObject({ reason: 'unreachable' });
      expect(ids()).toEqual(['a', 'b']);
      expect(watch.apps.get('b')).toBe(known[1]);
      expect(lines('are served as they are')).toHaveLength(1);
      // The time of a former pair ends without the database too.
      await waitFor(() => expect(watch.apps.get('a')?.credentials).toHaveLength(1));
      await database.restart();
      await run("UPDATE TABLE_ SET max_connections = 3 WHERE id = 'b'");
      await waitFor(() => expect(watch.apps.get('b')?.limits.connections).toBe(3));
      expect(lines('read from their database again')).toHaveLength(1);
    });

    test('2.18 a database that hangs is left after the timeout, and read again when it answers', async () => {
      const { watch, run, ids } = await openTable({ timeoutMs: 300 });
      database.pause();
      try {
        await expect(watch.refresh()).rejects.toMatchObject({ reason: 'timeout' });
        await expect(watch.refresh()).rejects.toMatchObject({ reason: 'timeout' });
        expect(ids()).toEqual(['a', 'b']);
      } finally {
        database.resume();
      }
      await run("DELETE FROM TABLE_ WHERE id = 'b'");
      await waitFor(() => expect(ids()).toEqual(['a']));
    });

    test('2.18 a database that is away at the start is waited for', async () => {
      const { options } = await openTable();
      await database.kill();
      const { watch } = open({ table: options.table });
      await watch.start(10_000);
      expect(watch.apps.isKnown).toBe(false);
      await database.restart();
      await waitFor(() => expect(watch.apps.all.map(({ id }: App) => id)).toEqual(['a', 'b']));
    });
  });

  describe('administration', () => {
    test('11.5 refuses a second app of one id, and changes of an app that is not there', async () => {
      const { admin } = await openTable();
      await expect(admin.add('a')).rejects.toThrow('There is an app "a" already.');
      await expect(admin.rotate("x' OR '1'='1", { key: false })).rejects.toThrow('There is no app');
      await expect(admin.setEnabled('x', false)).rejects.toThrow('There is no app "x"');
      await expect(admin.add('a b')).rejects.toThrow('expected at most 100');
    });

    test('11.5 migrates once, and adds the columns that a table of soketi does not have', async () => {
      const { admin } = await openTable();
      expect(await admin.migrate()).toEqual([]);
      const columns = q('key');
      await database.execute(
        `CREATE TABLE m${tables} (id varchar(50) PRIMARY KEY, ${columns} varchar(50), secret varchar(99))`,
      );
      const { admin: bare, watch } = open({ table: `m${tables}` });
      const { id } = await bare.add('plain');
      await expect(bare.rotate(id, { key: false, overlapSeconds: 5 })).rejects.toThrow(
        'wavehall apps migrate',
      );
      expect(await bare.migrate()).toHaveLength(4);
      await bare.rotate(id, { key: false, overlapSeconds: 5 });
      await watch.start(10_000);
      expect(watch.apps.get('plain')?.credentials).toHaveLength(2);
    });

    test('2.18 quotes the parts of the name of a table', async () => {
      const { admin, options } = await openTable({
        table: kind.name === 'MariaDB' ? 'wavehall.Group' : 'public.Group',
      });
      expect(options.table).toMatch(/\.Group$/);
      expect((await admin.add('x')).id).toBe('x');
    });
  });
});
