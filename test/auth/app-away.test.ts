/** The auth gateway while the app is slow, away or wrong (SPEC 14.5, 14.7). */
import { describe, expect, test } from 'vitest';
import { APP } from '../support/app.ts';
import { eventually } from '../support/wire.ts';
import { channelAuth } from '../support/wire-http.ts';
import { bearer, startGateway } from './asking.ts';

const USERS = Array.from(
  { length: 30 },
  (_, at) => `user${String.fromCharCode(97 + (at % 26))}${at < 26 ? '' : 'x'}`,
);
const metric = async (
  server: Awaited<ReturnType<typeof startGateway>>['server'],
  name: string,
): Promise<number> => {
  const text = await (await server.admin('/metrics')).text();
  const line = text.split('\n').find((each) => each.startsWith(`wavehall_${name} `));
  return Number(line?.split(' ').at(-1));
};

describe('equal questions at the same time', () => {
  test('14.5 are asked once, and each is signed for its own socket', async () => {
    const { app, ask } = await startGateway();
    app.delayMs = 200;
    const sockets = Array.from({ length: 20 }, (_, at) => `1.${at + 1}`);
    const answers = await Promise.all(sockets.map((socketId) => ask({ headers: bearer('ann'), socketId })));
    expect(answers.map(({ json }) => json)).toEqual(
      sockets.map((socketId) => ({ auth: channelAuth(APP, socketId, 'private-of-ann') })),
    );
    expect(app.received).toHaveLength(1);
  });

  test('14.5 share a refusal, but not its cookies', async () => {
    const { app, ask } = await startGateway();
    app.delayMs = 200;
    app.mode = { status: 403, headers: { 'set-cookie': 'a=b' }, body: 'no' };
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask({ headers: bearer('ann') })));
    expect(answers.map(({ status, text }) => [status, text])).toEqual(answers.map(() => [403, 'no']));
    expect(answers.filter(({ headers }) => headers['set-cookie'] !== undefined)).toHaveLength(1);
    expect(app.received).toHaveLength(1);
  });

  test('14.5 ask by themselves when the answer is no decision', async () => {
    const { app, ask } = await startGateway();
    app.delayMs = 100;
    app.alter = (answer) => ({ ...answer, more: 1 });
    const sockets = ['1.1', '1.2', '1.3'];
    const answers = await Promise.all(sockets.map((socketId) => ask({ headers: bearer('ann'), socketId })));
    expect(answers.map(({ json }) => (json as { auth: string }).auth)).toEqual(
      sockets.map((socketId) => channelAuth(APP, socketId, 'private-of-ann')),
    );
    expect(app.received).toHaveLength(3);
  });

  test('14.6 are asked again when their decision was forgotten while it was under way', async () => {
    const { app, server, ask } = await startGateway();
    app.delayMs = 300;
    const first = ask({ headers: bearer('ann') });
    await eventually(() => app.received.length === 1, 'the app is asked');
    await server.admin('/auth/forget', { method: 'POST', body: '{"all":true}' });
    const second = ask({ headers: bearer('ann') });
    expect((await Promise.all([first, second])).map(({ status }) => status)).toEqual([200, 200]);
    expect(app.received).toHaveLength(2);
  });

  test('14.5 of different users are never one', async () => {
    const { app, ask } = await startGateway();
    app.delayMs = 100;
    const answers = await Promise.all(['ann', 'bob'].map((user) => ask({ headers: bearer(user) })));
    expect(answers.map(({ status }) => status)).toEqual([200, 403]);
  });
});

describe('a bounded number of requests', () => {
  test('14.7 the app never gets more at once than it may, and all are answered', async () => {
    const { app, ask } = await startGateway({ WAVEHALL_AUTH_CONCURRENCY: '3' });
    app.delayMs = 20;
    const answers = await Promise.all(
      USERS.map((user) => ask({ headers: bearer(user), channel: 'private-of-all' })),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(app.mostAtOnce).toBe(3);
  });

  test('14.7 what waits longer than it may is answered 503 with Retry-After', async () => {
    const { app, server, ask } = await startGateway({
      ...{ WAVEHALL_AUTH_CONCURRENCY: '1', WAVEHALL_AUTH_WAIT: '1', WAVEHALL_AUTH_TIMEOUT: '3' },
    });
    app.mode = 'hangs';
    const first = ask({ headers: bearer('ann') });
    await eventually(() => app.received.length === 1, 'the app has the first');
    const second = ask({ headers: bearer('bob') });
    await eventually(async () => (await metric(server, 'auth_waiting')) === 1, 'the second one waits');
    expect(await second).toMatchObject({ status: 503, headers: { 'retry-after': '2' } });
    expect((await first).status).toBe(503);
    expect(app.received).toHaveLength(1);
  });

  test('14.8 as many wait as may; one more is answered 503 at once', async () => {
    const { app, server, ask } = await startGateway({
      ...{ WAVEHALL_AUTH_CONCURRENCY: '1', WAVEHALL_AUTH_MAX_WAITING: '2', WAVEHALL_AUTH_WAIT: '20' },
    });
    app.mode = 'hangs';
    const all = ['ann', 'bob', 'cat'].map((user) => ask({ headers: bearer(user) }));
    await eventually(async () => (await metric(server, 'auth_waiting')) === 2, 'two wait');
    expect((await ask({ headers: bearer('dan') })).status).toBe(503);
    app.mode = 'well';
    await Promise.all(all);
  });
});

describe('an app that is away', () => {
  test('14.7 that comes back while a question waits answers it', async () => {
    const { app, ask } = await startGateway();
    app.mode = 'closes';
    const asked = ask({ headers: bearer('ann') });
    await eventually(() => app.received.length >= 2, 'it is asked again');
    app.mode = 'well';
    expect((await asked).status).toBe(200);
  });

  test.each([502, 503, 504])('14.7 a status of %d is waited for', async (status) => {
    const { app, ask } = await startGateway();
    app.mode = { status };
    const asked = ask({ headers: bearer('ann') });
    await eventually(() => app.received.length >= 2, 'it is asked again');
    app.mode = 'well';
    expect((await asked).status).toBe(200);
  });

  test('14.7 that fails most of the time is asked once every two seconds, until it is well', async () => {
    const { app, server, ask } = await startGateway({ WAVEHALL_AUTH_WAIT: '4' });
    app.mode = { status: 503 };
    const asked = USERS.map((user) => ask({ headers: bearer(user), channel: 'private-of-all' }));
    await eventually(async () => (await metric(server, 'auth_upstream_failing')) === 1, 'it is found away');
    const before = app.received.length;
    await eventually(async () => (await metric(server, 'auth_waiting')) === USERS.length, 'all wait');
    expect(app.received.length).toBeLessThanOrEqual(before + 1);
    app.mode = 'well';
    expect((await Promise.all(asked)).every(({ status }) => status === 200)).toBe(true);
    expect(await metric(server, 'auth_upstream_failing')).toBe(0);
  });

  test('14.7 whose errors a client causes by what it asks for is asked as before', async () => {
    const { app, server, ask } = await startGateway();
    app.mode = { status: 500 };
    for (let at = 0; at < 30; at += 1) expect((await ask({ headers: bearer('ann') })).status).toBe(500);
    expect(await metric(server, 'auth_upstream_failing')).toBe(0);
    app.mode = 'well';
    expect((await ask({ headers: bearer('bob'), channel: 'private-of-all' })).status).toBe(200);
    expect(app.received).toHaveLength(31);
  });

  test('14.7 an older decision serves only where a setting allows it', async () => {
    for (const [stale, status] of [
      ['0', 503],
      ['60', 200],
    ] as const) {
      const { app, ask } = await startGateway({
        ...{ WAVEHALL_AUTH_TTL: '1', WAVEHALL_AUTH_STALE: stale, WAVEHALL_AUTH_WAIT: '0' },
      });
      await ask({ headers: bearer('ann') });
      app.mode = 'closes';
      await eventually(async () => {
        const { status: found } = await ask({ headers: bearer('ann') });
        return app.received.length > 1 && found === status;
      }, `it is answered ${status} once a second has passed`);
      expect((await ask({ headers: bearer('bob') })).status).toBe(503);
    }
  });

  test('14.7 an older decision that was forgotten is not used', async () => {
    const { app, server, ask } = await startGateway({
      ...{ WAVEHALL_AUTH_TTL: '0', WAVEHALL_AUTH_STALE: '60', WAVEHALL_AUTH_WAIT: '0' },
    });
    await ask({ headers: bearer('ann') });
    app.mode = 'closes';
    expect((await ask({ headers: bearer('ann') })).status).toBe(200);
    await server.admin('/auth/forget', { method: 'POST', body: '{"all":true}' });
    expect((await ask({ headers: bearer('ann') })).status).toBe(503);
  });

  test('14.7 a refusal is stronger than an older decision', async () => {
    const { app, ask } = await startGateway({ WAVEHALL_AUTH_TTL: '0', WAVEHALL_AUTH_STALE: '60' });
    await ask({ headers: bearer('ann') });
    app.allows = () => false;
    expect((await ask({ headers: bearer('ann') })).status).toBe(403);
  });
});
