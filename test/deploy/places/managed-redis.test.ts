/** A managed Redis as docs/deploy/shared-hosting.md sets it up: over TLS, with the printed ACL user. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../cli/command.ts';
import { APP_VARIABLES, appAt } from '../../support/app.ts';
import { startTlsRedis, type TlsRedis } from '../../support/redis-tls.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { dataOf, Wire } from '../../support/wire.ts';
import { channelAuth, publisher } from '../../support/wire-http.ts';
import { readFileSync } from 'node:fs';
import { root } from '../dockerfile.ts';

const page = readFileSync(`${root}docs/deploy/shared-hosting.md`, 'utf8');
const [, acl = ''] = /^ *ACL SETUSER (wavehall .+)$/m.exec(page) ?? [];
const printed = Object.fromEntries(
  (/```dotenv\n([^`]+)```/.exec(page)?.[1] ?? '')
    .trim()
    .split('\n')
    .map((line) => line.trim().split('=') as [string, string]),
);

let secured: TlsRedis;
let admin: Redis;
let nodes: readonly TestServer[] = [];

/** Variables of the page, with the address of this Redis. */
const variables = (): Record<string, string> => ({
  ...APP_VARIABLES,
  ...printed,
  REDIS_HOST: '127.0.0.1',
  REDIS_PORT: `${secured.tlsPort}`,
  WAVEHALL_REDIS_TLS_CA: secured.certificate,
});

beforeAll(async () => {
  secured = await startTlsRedis();
  admin = new Redis(secured.redis.port, '127.0.0.1');
  await admin.call('ACL', 'SETUSER', ...acl.split(' '));
  nodes = [await startServer(variables()), await startServer(variables())];
});
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  admin.disconnect();
  await secured.close();
});

test('3.13 the printed user is enough for two nodes: events, members, lists', async () => {
  expect(Object.keys(printed)).toContain('REDIS_PASSWORD');
  const wires = await Promise.all(
    nodes.map(async (node, at) => {
      const app = appAt(node);
      const wire = await Wire.open(node, `/app/${app.key}?protocol=7`);
      const greeting = dataOf(await wire.next('pusher:connection_established')) as { socket_id: string };
      const data = JSON.stringify({ user_id: `${at}` });
      const channel = 'presence-room';
      const auth = channelAuth(app, greeting.socket_id, channel, data);
      wire.send({ event: 'pusher:subscribe', data: { channel, auth, channel_data: data } });
      await wire.next('pusher_internal:subscription_succeeded');
      return wire;
    }),
  );
  const api = publisher(appAt(nodes[0]!));
  await api.post('/events', { name: 'paid', channel: 'presence-room', data: '{}' });
  await Promise.all(wires.map((wire) => wire.next('paid')));
  const users = await publisher(appAt(nodes[1]!)).get('/channels/presence-room/users');
  expect(users.json).toEqual({ users: expect.arrayContaining([{ id: '0' }, { id: '1' }]) as unknown });
  await Promise.all(wires.map((wire) => wire.close()));
  expect(await admin.call('ACL', 'LOG')).toEqual([]);
});

test('3.13 nothing outside of the prefix is for this user to read', async () => {
  const { certificate, tlsPort } = secured;
  const user = new Redis(tlsPort, '127.0.0.1', {
    username: 'wavehall',
    password: printed['REDIS_PASSWORD'] ?? '',
    tls: { ca: readFileSync(certificate) },
    enableReadyCheck: false,
  });
  try {
    await expect(user.get('laravel:session')).rejects.toThrow('NOPERM');
    await expect(user.keys('*')).rejects.toThrow('NOPERM');
  } finally {
    user.disconnect();
    await admin.call('ACL', 'LOG', 'RESET');
  }
});

test.each([
  ['a wrong password', { REDIS_PASSWORD: 'not-the-one' }, /Redis refuses the login/],
  ['an unknown certificate', { WAVEHALL_REDIS_TLS_CA: '' }, /not trusted.*WAVEHALL_REDIS_TLS_CA/],
  ['no TLS', { REDIS_SCHEME: 'tcp' }, /REDIS_SCHEME/],
])('3.13 with %s it says what to change, without the password', async (_, change, message) => {
  const env: Record<string, string> = { ...variables(), ...change };
  const { code, stdout, stderr } = await run(['start'], env);
  expect(code).toBe(1);
  expect(stdout + stderr).toMatch(message);
  expect(stdout + stderr).not.toContain(env['REDIS_PASSWORD']);
});

test('3.13 with a command that is not allowed it says which', async () => {
  await admin.call('ACL', 'SETUSER', 'lacking', ...acl.split(' ').slice(1), '-zpopmin');
  const { code, stdout, stderr } = await run(['start'], { ...variables(), REDIS_USERNAME: 'lacking' });
  expect(code).toBe(1);
  expect(stdout + stderr).toMatch(/may not run .*zpopmin/i);
});
