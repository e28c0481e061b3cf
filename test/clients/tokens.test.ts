/** Unmodified pusher-js that signs in by a JSON Web Token, against the real server process. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import type { Options } from 'pusher-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APP, APP_VARIABLES } from '../support/app.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { run } from '../cli/command.ts';
import { EventRecorder } from './event-recorder.ts';
import { inState, membersOf, optionsFor, Pusher, subscribeTo } from './stock-clients.ts';
import { sdkFor } from './sdk.ts';

const SECRET = 'a secret of the tests, of 32 bytes and more';
const RULES = {
  signIn: { id: 'sub', info: { name: 'name' } },
  rules: [
    { channel: 'private-orders.secret', allow: false },
    {
      channel: 'private-orders.{order}',
      allow: { anyOf: [{ orders: { includes: '{order}' } }, { 'tenant.role': 'admin' }] },
    },
    { channel: 'private-App.Models.User.{id}', allow: { sub: '{id}' } },
    { channel: 'presence-room.{room}', allow: { rooms: { includes: '{room}' } } },
    { channel: 'private-encrypted-{x}', allow: true },
    { channel: 'private-cache-*', allow: true },
  ],
};

const folder = mkdtempSync(join(tmpdir(), 'wavehall-tokens-'));
const rulesFile = join(folder, 'rules.json');
writeFileSync(rulesFile, JSON.stringify(RULES));
const ENV = {
  ...APP_VARIABLES,
  WAVEHALL_JWT_SECRET: SECRET.replaceAll(',', ''),
  WAVEHALL_CHANNEL_RULES: rulesFile,
};
const KEY = Buffer.from(ENV.WAVEHALL_JWT_SECRET);

let server: TestServer;
const open = new Set<InstanceType<typeof Pusher>>();
beforeAll(async () => {
  server = await startServer({ ...ENV, WAVEHALL_DEBUG: 'true', WAVEHALL_ADMIN_TOKEN: 'admin' });
});
afterAll(async () => {
  for (const client of open) client.disconnect();
  await server.close();
  rmSync(folder, { recursive: true });
});

const issue = (claims: object, seconds = 3600): Promise<string> =>
  new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
    .sign(KEY);

/** A client as docs/tokens.md sets it up: the handlers give the token, and wait for the sign-in. */
function tokenClient(
  nextToken: () => Promise<string>,
  target: TestServer = server,
  more: Partial<Options> = {},
) {
  const options: Options = {
    ...optionsFor(target),
    userAuthentication: {
      customHandler: (_, callback) => {
        nextToken().then(
          (token) => callback(null, { auth: token, user_data: '' }),
          (error: unknown) => callback(error as Error, null),
        );
      },
    },
    channelAuthorization: {
      customHandler: (_, callback) => {
        const { signinDonePromise } = pusher.user as unknown as { signinDonePromise: Promise<void> };
        void signinDonePromise.then(() => callback(null, { auth: '' }));
      },
    },
    ...more,
  };
  const pusher: InstanceType<typeof Pusher> = new Pusher(APP.key, options);
  open.add(pusher);
  pusher.signin();
  return pusher;
}

describe('pusher-js with a token', () => {
  test('15.5 signs in, enters what the rules allow, is refused the rest, and stays connected', async () => {
    const token = await issue({ sub: 7, name: 'Ada', orders: [7], rooms: ['a'] });
    const pusher = tokenClient(() => Promise.resolve(token));
    const { recorder } = await subscribeTo(pusher, 'private-orders.7');
    await subscribeTo(pusher, 'private-App.Models.User.7');
    const { channel } = await subscribeTo(pusher, 'presence-room.a');
    expect(membersOf(channel).me).toEqual({ id: '7', info: { name: 'Ada' } });
    for (const name of [
      'private-orders.8',
      'private-orders.secret',
      'private-App.Models.User.8',
      'presence-room.b',
    ]) {
      const refused = new EventRecorder(pusher.subscribe(name));
      expect(await refused.next('pusher:subscription_error')).toMatchObject({
        type: 'AuthError',
        status: 401,
      });
    }
    await sdkFor(server).trigger('private-orders.7', 'shipped', { id: 7 });
    expect(await recorder.next('shipped')).toEqual({ id: 7 });
    const toUser = new EventRecorder(pusher.user);
    await expect
      .poll(async () => {
        await sdkFor(server).sendToUser('7', 'note', {});
        return toUser.count('note');
      })
      .toBeGreaterThan(0);
    expect(pusher.connection.state).toBe('connected');
  });

  test('15.5 a wrong token ends the connection for good', async () => {
    const pusher = tokenClient(() => Promise.resolve('eyJhbGciOiJub25lIn0.eyJzdWIiOiI3In0.'));
    await inState(pusher, 'disconnected');
  });

  test('15.6 with WAVEHALL_JWT_EXPIRY=close the client comes back by itself with a new token, and is on its channels again', async () => {
    const closing = await startServer({
      ...ENV,
      WAVEHALL_JWT_EXPIRY: 'close',
      WAVEHALL_JWT_CLOCK_TOLERANCE: '0',
    });
    try {
      let issued = 0;
      const pusher = tokenClient(
        () => issue({ sub: '7', orders: ['7'] }, (issued += 1) === 1 ? 6 : 3600),
        closing,
      );
      const { recorder } = await subscribeTo(pusher, 'private-orders.7');
      expect(issued).toBe(1);
      await recorder.next('pusher:subscription_succeeded', 15_000);
      expect(issued).toBe(2);
      expect(pusher.connection.state).toBe('connected');
    } finally {
      for (const client of open) client.disconnect();
      await closing.close();
    }
  });

  test('15.6 by default the connection and its channels stay, and the next channel is refused', async () => {
    const staying = await startServer({ ...ENV, WAVEHALL_JWT_CLOCK_TOLERANCE: '0' });
    try {
      const pusher = tokenClient(() => issue({ sub: '7', orders: ['7', '8'] }, 6), staying);
      const { recorder } = await subscribeTo(pusher, 'private-orders.7');
      let refusals = 0;
      await expect
        .poll(
          async () => {
            pusher.unsubscribe('private-orders.8');
            const next = new EventRecorder(pusher.subscribe('private-orders.8'));
            await Promise.race([
              next.next('pusher:subscription_succeeded'),
              next.next('pusher:subscription_error').then(() => (refusals += 1)),
            ]);
            return refusals;
          },
          { timeout: 15_000, interval: 100 },
        )
        .toBe(1);
      await sdkFor(staying).trigger('private-orders.7', 'shipped', {});
      await recorder.next('shipped');
    } finally {
      for (const client of open) client.disconnect();
      await staying.close();
    }
  });

  test('15.1 no log line and no metric has a token or a claim', async () => {
    const token = await issue({ sub: 'marked-user', secretClaim: 'marked-claim' });
    const pusher = tokenClient(() => Promise.resolve(token));
    await new EventRecorder(pusher.subscribe('private-orders.9')).next('pusher:subscription_error');
    const metrics = await fetch(`http://${server.host}:${server.port}/admin/metrics`, {
      headers: { authorization: 'Bearer admin' },
    });
    const text = `${await metrics.text()}${server.output()}`;
    expect(text).toContain('wavehall_tokens_total{result="valid"}');
    expect(text).not.toMatch(/marked-claim|eyJ/);
    expect(text).not.toContain(token.split('.')[2]);
  });
});

describe('wavehall rules test', () => {
  const channels = [
    'private-orders.7',
    'private-orders.8',
    'private-orders.secret',
    'private-orders.7.items',
    'private-orders',
    'private-App.Models.User.7',
    'private-App.Models.User.8',
    'presence-room.a',
    'presence-room.b',
    'presence-other',
    'private-encrypted-a',
    'private-cache-a.b',
    'private-other',
    'private-orders.a b',
    'private-',
  ];
  const owners: readonly (readonly [string, object])[] = [
    ['an owner of one order', { sub: 7, orders: ['7'], rooms: ['a'] }],
    ['an admin', { sub: '8', tenant: { role: 'admin' }, rooms: 'a' }],
    ['a token with nothing else', { sub: 'x' }],
  ];

  test.each(owners)('15.4 says for %s what the server does', async (_, claims) => {
    const token = await issue(claims);
    const outcome = await run(['rules', 'test', '--token', token, '--json', '--channel', ...channels], ENV);
    expect(outcome.code, outcome.stderr).toBe(0);
    const report = JSON.parse(outcome.stdout) as {
      channels: { channel: string; onSocket: string; channelData?: string }[];
    };
    const pusher = tokenClient(() => Promise.resolve(token));
    await inState(pusher, 'connected');
    await (pusher.user as unknown as { signinDonePromise: Promise<void> }).signinDonePromise;
    const done: Record<string, string> = {};
    // As frames, so that pusher-js needs no key for an encrypted channel.
    const connection = new EventRecorder(pusher.connection);
    for (const channel of channels) pusher.send_event('pusher:subscribe', { channel, auth: '' });
    while (Object.keys(done).length < channels.length) {
      const { event, channel } = (await connection.next('message')) as { event: string; channel?: string };
      if (channel === undefined || channel.startsWith('#')) continue;
      if (event === 'pusher_internal:subscription_succeeded') done[channel] = 'allowed';
      if (event === 'pusher:subscription_error') done[channel] = 'refused';
    }
    expect(Object.fromEntries(report.channels.map((each) => [each.channel, each.onSocket]))).toEqual(done);
    expect(`${outcome.stdout}${outcome.stderr}`).not.toContain(token.split('.')[2]);
  });
});
