/** Overview and Live in Chromium while nodes die, Redis is away, and a new version is rolled out. */
import type { Browser, Page, WebSocketRoute } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { LONG_MS, operate, operated, startOperated } from '../../cli/operated-server.ts';
import { launchChromium, withChromium } from '../../support/browser.ts';
import { startRedis } from '../../support/redis.ts';
import type { TestServer } from '../../support/server.ts';
import { SwitchableProxy } from '../../support/switchable-proxy.ts';
import { eventually, type Address } from '../../support/wire.ts';
import { logInByKeyboard, openConsole, openView } from '../browser-page.ts';
import { clientOn, publish } from '../two-nodes.ts';

vi.setConfig({ testTimeout: 8 * LONG_MS });

const lines = (page: Page) => page.getByRole('list', { name: /What happened/ }).getByRole('listitem');
const state = (page: Page, text: RegExp) => page.getByRole('status').filter({ hasText: text });
const tile = (page: Page, text: string) => page.getByRole('listitem').filter({ hasText: text });

withChromium('the console while something fails', () => {
  let browser: Browser;
  beforeAll(async () => void (browser = await launchChromium()));
  afterAll(() => browser.close());

  /** Pages of one session: the overview, and the live view with its socket open. */
  const openBoth = async (server: Address) => {
    const overview = await openConsole(browser, server);
    onTestFinished(() => overview.context.close());
    await logInByKeyboard(overview.page);
    await tile(overview.page, 'State')
      .filter({ hasText: /\bready/ })
      .waitFor();
    const live = await overview.context.newPage();
    live.setDefaultTimeout(LONG_MS);
    await live.goto(overview.page.url());
    await openView(live, 'Live');
    await state(live, /^Live$/).waitFor();
    return { overview: overview.page, live, problems: overview.problems };
  };
  const publishUntilShown = (server: TestServer, page: Page, name: string) =>
    eventually(
      async () => {
        await publish(server, 'orders', name, '{}').catch(() => undefined);
        return (await lines(page).filter({ hasText: name }).count()) > 0;
      },
      `the event ${name} on the page`,
      LONG_MS,
    );

  test('17.4 while Redis is away the overview says so and the live view goes on; when it is back, so does the server', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const server = await startOperated(operated(redis));
    const { overview, live, problems } = await openBoth(server);
    await publishUntilShown(server, live, 'before');
    await redis.kill();
    await tile(overview, 'State').filter({ hasText: 'not ready' }).waitFor();
    await overview.getByText('Redis does not answer').waitFor();
    const client = await clientOn(server, []);
    await lines(live).filter({ hasText: client.socketId }).first().waitFor();
    await state(live, /^Live$/).waitFor();
    await redis.restart();
    await tile(overview, 'State').filter({ hasText: 'not ready' }).waitFor({ state: 'detached' });
    await overview.getByText('Redis does not answer').waitFor({ state: 'detached' });
    await publishUntilShown(server, live, 'after');
    expect(problems).toEqual([]);
  });

  test('17.4 of another node that dies the members leave in the live view, and the overview stays ready', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const settings = operated(redis);
    const [server, other] = [await startOperated(settings), await startOperated(settings)];
    await clientOn(server, ['presence-room'], 'ann');
    const { overview, live, problems } = await openBoth(server);
    await clientOn(other, ['presence-room'], 'bob');
    await lines(live).filter({ hasText: 'member added' }).filter({ hasText: 'bob' }).waitFor();
    other.kill('SIGKILL');
    await lines(live).filter({ hasText: 'member removed' }).filter({ hasText: 'bob' }).waitFor();
    await state(live, /^Live$/).waitFor();
    await tile(overview, 'State')
      .filter({ hasText: /\bready/ })
      .waitFor();
    expect(problems).toEqual([]);
  });

  test('17.2 when its own node dies both pages say so, and ask for the token of the next one', async () => {
    const server = await startOperated(operated());
    const { overview, live, problems } = await openBoth(server);
    server.kill('SIGKILL');
    await server.exited;
    await overview.getByText('The server does not answer. What you see is the last known state.').waitFor();
    await state(live, /^The server is away/).waitFor();
    const next = await startOperated({ ...operated(), REVERB_SERVER_PORT: String(server.port) });
    for (const page of [overview, live]) await page.getByLabel('Admin token').waitFor();
    await logInByKeyboard(overview);
    await tile(overview, 'State')
      .filter({ hasText: /\bready/ })
      .waitFor();
    await live.reload();
    await publishUntilShown(next, live, 'after');
    expect(problems).toEqual([]);
  });

  test('2.13 while the workers are replaced both pages go on, without another log-in', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const server = await startOperated(operated(redis), ['--workers', '2']);
    const { overview, live, problems } = await openBoth(server);
    await publishUntilShown(server, live, 'before');
    expect((await operate(server, ['restart'])).code).toBe(0);
    await publishUntilShown(server, live, 'after');
    await lines(live).filter({ hasText: 'before' }).first().waitFor();
    await tile(overview, 'Workers').filter({ hasText: '2 of 2' }).waitFor();
    await tile(overview, 'State')
      .filter({ hasText: /\bready/ })
      .waitFor();
    expect(await overview.getByLabel('Admin token').count()).toBe(0);
    expect(problems).toEqual([]);
  });

  test('17.5 the live view goes on when the server does not answer a question that it was asked in between', async () => {
    const server = await startOperated(operated());
    const { live } = await openBoth(server);
    let unanswered = 0;
    await live.route('**/admin/console/session', (route) => {
      unanswered += 1;
      return unanswered === 1 ? undefined : route.continue();
    });
    const sockets: WebSocketRoute[] = [];
    await live.routeWebSocket(/live\/socket/, (socket) => {
      sockets.push(socket);
      socket.connectToServer();
    });
    await openView(live, 'Overview');
    await openView(live, 'Live');
    await eventually(() => sockets.length === 1, 'the live socket', LONG_MS);
    await sockets[0]?.close();
    await eventually(() => unanswered === 1 && sockets.length === 2, 'another live socket', LONG_MS);
    await publishUntilShown(server, live, 'after');
  });

  test('17.2 behind a balancer that moves on to a new node both pages ask for its token, and go on there', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const settings = operated(redis);
    const [old, next] = [await startOperated(settings), await startOperated(settings)];
    const balancer = new SwitchableProxy();
    balancer.target = old.port;
    const port = await balancer.listen();
    onTestFinished(() => balancer.close());
    const { overview, live, problems } = await openBoth({ host: '127.0.0.1', port });
    balancer.target = next.port;
    old.kill();
    await old.exited;
    for (const page of [overview, live]) await page.getByLabel('Admin token').waitFor();
    await logInByKeyboard(live);
    await openView(live, 'Live');
    await publishUntilShown(next, live, 'after');
    await overview.reload();
    await tile(overview, 'State')
      .filter({ hasText: /\bready/ })
      .waitFor();
    expect(problems).toEqual([]);
  });
});
