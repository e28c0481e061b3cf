import { describe, expect, test } from 'vitest';
import { appAt } from '../support/app.ts';
import { run, temporaryFile } from '../cli/command.ts';
import { startServer } from '../support/server.ts';
import { dataOf, Wire } from '../support/wire.ts';
import { publisher } from '../support/wire-http.ts';

describe('the development app', () => {
  test('7.6 without a configured app clients and publishers use app-id, app-key, app-secret', async () => {
    const server = await startServer();
    try {
      const wire = await Wire.open(server, '/app/app-key?protocol=7');
      expect(dataOf(await wire.first())).toMatchObject({ activity_timeout: 30 });
      const app = appAt(server);
      expect((await publisher(app).get('/channels')).status).toBe(200);
      await wire.close();
    } finally {
      await server.close();
    }
    expect(server.output()).toContain('development');
    expect(server.output()).toContain(
      'id app-id, key app-key, secret app-secret: for development only, because no app is configured',
    );
  });

  test('7.6 the app for development is not served beside a configured one, and the start block shows no secret', async () => {
    const server = await startServer({
      REVERB_APP_ID: 'a',
      REVERB_APP_KEY: 'b',
      REVERB_APP_SECRET: 'hush-hush-hush',
    });
    try {
      const refused = await Wire.open(server, '/app/app-key?protocol=7');
      expect(await refused.closing()).toEqual({ code: 4001, reason: 'Application does not exist' });
    } finally {
      await server.close();
    }
    expect(server.output()).toContain('production');
    expect(server.output()).toMatch(/"apps":"1 {2}\(from REVERB_APP_\*\)"/);
    expect(server.output()).not.toMatch(/development|hush/);
  });
});

test('7.6 a client that requests an app of the environment that is not served is logged, with the names of its settings', async () => {
  const server = await startServer({
    REVERB_APP_ID: '9',
    REVERB_APP_KEY: 'b',
    REVERB_APP_SECRET: 'hush-hush-hush',
    PUSHER_APP_ID: '1',
    PUSHER_APP_KEY: 'p',
    PUSHER_APP_SECRET: 'whisper-whisper',
  });
  try {
    const asThePusherDriver = { ...server, id: '1', key: 'p', secret: 'whisper-whisper', prefix: '' };
    const event = { name: 'x', channel: 'y', data: 'z' };
    const unknown = await publisher(asThePusherDriver).post('/events', event);
    expect([unknown.status, unknown.text]).toEqual([404, 'No matching application for ID [1].']);
    const mixed = await publisher({ ...asThePusherDriver, id: '9' }).post('/events', event);
    expect(mixed.status).toBe(401);
    const wire = await Wire.open(server, '/app/p?protocol=7');
    expect(await wire.closing()).toEqual({ code: 4001, reason: 'Application does not exist' });
  } finally {
    await server.close();
  }
  const hint = 'PUSHER_APP_* (id 1) are set too, and not used, because REVERB_APP_* wins';
  const lines = server.output().split('\n').filter(Boolean);
  const byReason = (reason: string): string[] =>
    lines.filter((line) => (JSON.parse(line) as { reason?: string }).reason === reason);
  for (const reason of ['http_unknown_app', 'http_signature', 'unknown_app'])
    expect([reason, byReason(reason)]).toEqual([reason, [expect.stringContaining(hint)]]);
  expect(server.output()).not.toMatch(/hush|whisper/);
});

test('7.6 an unknown app gets no hint where no other one is configured', async () => {
  const server = await startServer({ REVERB_APP_ID: '9', REVERB_APP_KEY: 'b', REVERB_APP_SECRET: 'hush' });
  try {
    const other = { ...server, id: '1', key: 'p', secret: 'whisper', prefix: '' };
    expect((await publisher(other).get('/channels')).status).toBe(404);
  } finally {
    await server.close();
  }
  expect(server.output()).toContain('http_unknown_app');
  expect(server.output()).not.toContain('not used');
});

describe('without an app', () => {
  test.each([
    ['NODE_ENV', { NODE_ENV: 'production' }, ''],
    ['APP_ENV', {}, 'APP_ENV=production\n'],
  ])('7.6 with %s set to production the start ends with 1 and an error', async (name, env, file) => {
    const args = file === '' ? [] : ['--env-file', temporaryFile('.env', file)];
    const { code, stdout, stderr } = await run(['start', ...args], env);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(new RegExp(`^wavehall: No app is configured, and ${name} says production: set `));
  });

  test('7.6 an empty name in the environment above a filled one in the file is an error, as it is empty in Laravel', async () => {
    const file = temporaryFile(
      '.env',
      'REVERB_APP_ID=a\nREVERB_APP_KEY="${SHARED}"\nREVERB_APP_SECRET=hush\nSHARED=k\n',
    );
    const { code, stderr } = await run(['start', '--env-file', file], { REVERB_APP_SECRET: '' });
    expect([code, stderr]).toEqual([
      1,
      'wavehall: REVERB_APP_SECRET: expected a value, but it is set and empty\n',
    ]);
  });
});

describe('a wrong configuration', () => {
  test.each([
    { rule: '2.1', name: 'REVERB_SERVER_PORT', bad: '70000', expected: 'a whole number from 0 to 65535' },
    { rule: '2.10', name: 'REVERB_APP_PING_INTERVAL', bad: '0', expected: 'a whole number from 1 to 86400' },
    { rule: '1.1', name: 'WAVEHALL_DEBUG', bad: 'maybe', expected: 'true or false' },
    { rule: '8.2', name: 'WAVEHALL_REPLAY_PROTECTION', bad: 'x', expected: 'one of off, strict' },
  ])('$rule $name=$bad ends the command with 1 and an error', async ({ name, bad, expected }) => {
    expect(await run(['start'], { [name]: bad })).toEqual({
      code: 1,
      stdout: '',
      stderr: `wavehall: ${name}="${bad}": expected ${expected}\n`,
    });
  });

  test('2.7 a wrong proxy ends it as well', async () => {
    const { code, stderr } = await run(['start'], { WAVEHALL_TRUSTED_PROXIES: 'nginx' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^wavehall: WAVEHALL_TRUSTED_PROXIES="nginx": expected addresses or networks/);
  });

  test('8.12 every problem has its line', async () => {
    const { code, stderr } = await run(['start', '--port', 'x'], {
      WAVEHALL_DEBUG: 'maybe',
      REVERB_APP_SECRET: 'hush-hush-hush',
    });
    expect(code).toBe(1);
    expect(stderr.trim().split('\n').sort()).toEqual([
      'wavehall: REVERB_APP_ID: expected a value, because another REVERB_APP_* variable is set',
      'wavehall: REVERB_APP_KEY: expected a value, because another REVERB_APP_* variable is set',
      'wavehall: REVERB_SERVER_PORT="x": expected a whole number from 0 to 65535',
      'wavehall: WAVEHALL_DEBUG="maybe": expected true or false',
    ]);
  });

  test('7.1 broken apps end it, and no secret is printed', async () => {
    const apps = temporaryFile('apps.json', '[{"app_id":"a","key":"b","secret":"hush-hush-hush",}]');
    const { code, stdout, stderr } = await run(['start'], { WAVEHALL_APPS_FILE: apps });
    expect([code, stdout, stderr]).toEqual([
      1,
      '',
      `wavehall: ${apps}: expected JSON (it cannot be parsed)\n`,
    ]);
  });
});

test("7.6 the server starts with soketi's configuration file, serves its app and warns of what it does not read", async () => {
  const file = temporaryFile(
    'soketi.json',
    JSON.stringify({
      port: 6001,
      'appManager.array.apps': [
        {
          id: 'shop',
          key: 'shop-key',
          secret: 'hush-hush-hush',
          maxConnections: 1,
          enableClientMessages: true,
        },
      ],
    }),
  );
  const server = await startServer({ WAVEHALL_APPS_FILE: file, SOKETI_DEBUG: '1' });
  try {
    const wire = await Wire.open(server, '/app/shop-key?protocol=7');
    expect(dataOf(await wire.first())).toMatchObject({ activity_timeout: 30 });
    const second = await Wire.open(server, '/app/shop-key?protocol=7');
    expect((await second.closing()).code).toBe(4004);
    const app = { ...server, id: 'shop', key: 'shop-key', secret: 'hush-hush-hush', prefix: '' };
    expect((await publisher(app).post('/events', { name: 'x', channel: 'y', data: 'z' })).status).toBe(200);
    await wire.close();
  } finally {
    await server.close();
  }
  expect(server.output()).toContain(`only the apps of soketi's file are read, not \\"port\\"`);
  expect(server.output()).toContain('SOKETI_DEBUG (here WAVEHALL_DEBUG)');
  expect(server.output()).not.toContain('hush');
});
