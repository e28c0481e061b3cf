/** The auth gateway in front of a real Laravel, with its sessions and with bearer tokens (SPEC 14). */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { APP, APP_VARIABLES } from '../../support/app.ts';
import { channelAuth } from '../../support/wire-http.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { eventually } from '../../support/wire.ts';
import { TOKEN } from '../../cutover/servers.ts';
import { php } from '../php.ts';
import { missingRequirements } from '../requirements.ts';
import { AuthApp, BrowserSession } from './laravel-app.ts';

const SETUP_MS = 300_000;
const TEST_MS = 60_000;
const [ADA, GRACE] = [1, 2];
const missing = missingRequirements();

if (missing === undefined) describe('a real Laravel behind the auth gateway', { timeout: TEST_MS }, scenario);
else if (process.env['CI'] === undefined)
  test.skip(`14.4 a real Laravel is asked once (skipped: ${missing})`);
else
  test('14.4 a real Laravel is asked once', () => {
    throw new Error(missing);
  });

function scenario(): void {
  let app: AuthApp;
  let server: TestServer;
  let origin: string;

  const forgetAll = () =>
    fetch(`${origin}/admin/auth/forget`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}` },
      body: '{"all":true}',
    });
  const statusesOf = (answers: readonly Response[]): number[] => answers.map(({ status }) => status);
  const askAsBearer = (user: number, channel: string, socketId = '1.1') =>
    fetch(`${origin}/api/broadcasting/auth`, {
      method: 'POST',
      headers: { authorization: `Bearer token-of-${user}` },
      body: new URLSearchParams({ socket_id: socketId, channel_name: channel }),
    });

  beforeAll(async () => {
    app = await AuthApp.start();
    server = await startServer({
      ...APP_VARIABLES,
      ...app.variables,
      WAVEHALL_ADMIN_TOKEN: TOKEN,
      WAVEHALL_AUTH_TTL: '3',
    });
    origin = `http://127.0.0.1:${server.port}`;
  }, SETUP_MS);
  afterAll(async () => {
    await server.close();
    await app.close();
  });
  beforeEach(async () => {
    await forgetAll();
    await app.takeQuestions();
  });

  test('14.4 a session is asked for once, though each answer of Laravel has another cookie', async () => {
    const ada = await BrowserSession.logIn(app, ADA);
    const before = ada.cookie;
    const first = await ada.ask(origin, 'private-orders.1', '1.1');
    expect(first.status).toBe(200);
    expect(await first.json()).toEqual({ auth: channelAuth(APP, '1.1', 'private-orders.1') });
    await ada.open('/');
    expect(ada.cookie).not.toBe(before);
    const second = await ada.ask(origin, 'private-orders.1', '2.2');
    expect(await second.json()).toEqual({ auth: channelAuth(APP, '2.2', 'private-orders.1') });
    expect(await app.takeQuestions()).toEqual([200]);
  });

  test('14.4 the member of a presence channel is repeated byte for byte', async () => {
    const ada = await BrowserSession.logIn(app, ADA);
    const [first, second] = [
      await ada.ask(origin, 'presence-room', '1.1'),
      await ada.ask(origin, 'presence-room', '2.2'),
    ];
    const { channel_data: data } = (await first.json()) as { channel_data: string };
    expect(await second.json()).toEqual({
      auth: channelAuth(APP, '2.2', 'presence-room', data),
      channel_data: data,
    });
    expect(await app.takeQuestions()).toEqual([200]);
  });

  test('14.3 another user is another question, and is refused each time', async () => {
    const [ada, grace] = [await BrowserSession.logIn(app, ADA), await BrowserSession.logIn(app, GRACE)];
    const answers = [];
    for (const who of [ada, grace, grace]) answers.push(await who.ask(origin, 'private-orders.1'));
    expect(statusesOf(answers)).toEqual([200, 403, 403]);
    expect(await app.takeQuestions()).toEqual([200, 403, 403]);
  });

  test('14.6 a user who has signed out is asked for again, and refused', async () => {
    const ada = await BrowserSession.logIn(app, ADA);
    expect((await ada.ask(origin, 'private-orders.1')).status).toBe(200);
    await ada.submit('/logout');
    expect((await ada.ask(origin, 'private-orders.1')).status).toBe(403);
    expect(await app.takeQuestions()).toEqual([200, 403]);
  });

  test('14.6 a user who signs in on the same browser gets nothing of the one before', async () => {
    const browser = await BrowserSession.logIn(app, ADA);
    expect((await browser.ask(origin, 'private-orders.1')).status).toBe(200);
    await browser.submit('/logout');
    await browser.open('/login');
    await browser.submit('/login', { user: String(GRACE) });
    const answers = [
      await browser.ask(origin, 'private-orders.1'),
      await browser.ask(origin, 'private-orders.2'),
    ];
    expect(statusesOf(answers)).toEqual([403, 200]);
  });

  test('14.4 an expired session is refused once its decisions have ended', async () => {
    const ada = await BrowserSession.logIn(app, ADA);
    expect((await ada.ask(origin, 'private-orders.1')).status).toBe(200);
    await php(app.folder, "app('files')->cleanDirectory(storage_path('framework/sessions'));");
    await eventually(async () => (await ada.ask(origin, 'private-orders.1')).status === 403, 'it is refused');
  });

  test('14.4 a permission that was taken away ends with its decision', async () => {
    const ada = await BrowserSession.logIn(app, ADA);
    expect((await ada.ask(origin, 'private-orders.1')).status).toBe(200);
    await php(app.folder, 'App\\Models\\Order::find(1)->user()->associate(2)->save();');
    await eventually(async () => (await ada.ask(origin, 'private-orders.1')).status === 403, 'it is refused');
    await php(app.folder, 'App\\Models\\Order::find(1)->user()->associate(1)->save();');
    expect((await ada.ask(origin, 'private-orders.1')).status).toBe(200);
  });

  test("14.3 a session without the page's CSRF token is judged by Laravel", async () => {
    const ada = await BrowserSession.logIn(app, ADA);
    const direct = await ada.ask(app.url, 'private-orders.1', '1.1', { 'x-xsrf-token': 'wrong' });
    const behind = await ada.ask(origin, 'private-orders.1', '1.1', { 'x-xsrf-token': 'wrong' });
    expect(behind.status).toBe(direct.status);
  });

  test('14.3 a cookie of another app is no session', async () => {
    const other = await AuthApp.start();
    try {
      const stranger = await BrowserSession.logIn(other, ADA);
      const answers = [
        await stranger.ask(origin, 'private-orders.1'),
        await stranger.ask(origin, 'private-orders.1'),
      ];
      expect(statusesOf(answers).every((status) => status !== 200)).toBe(true);
    } finally {
      await other.close();
    }
  });

  test('14.3 bearer tokens are asked for once each', async () => {
    const answers = [];
    for (const [user, socketId] of [
      [ADA, '1.1'],
      [ADA, '2.2'],
      [GRACE, '1.1'],
      [GRACE, '2.2'],
    ] as const)
      answers.push(await askAsBearer(user, 'private-many.1.7', socketId));
    expect(statusesOf(answers)).toEqual([200, 200, 403, 403]);
    expect(await answers[1]!.json()).toEqual({ auth: channelAuth(APP, '2.2', 'private-many.1.7') });
    expect(await app.takeQuestions()).toEqual([200, 403, 403]);
  });

  test('14.2 the answer of Laravel is the answer of the gateway, with its cookies', async () => {
    const ada = await BrowserSession.logIn(app, ADA);
    const answer = await ada.ask(origin, 'private-orders.1');
    const direct = await ada.ask(app.url, 'private-orders.1');
    const names = (given: Response): string[] =>
      given.headers.getSetCookie().map((line) => line.split('=', 1)[0]!);
    expect(names(answer)).toEqual(names(direct));
    expect(names(answer)).toContain('wavehall_test_session');
  });
}
