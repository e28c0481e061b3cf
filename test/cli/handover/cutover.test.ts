/** One process is replaced while browsers are split between it and another server (SPEC 2.17, 11). */
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { sdkFor } from '../../clients/sdk.ts';
import { optionsFor, Pusher, subscribeTo } from '../../clients/stock-clients.ts';
import { APP, APP_VARIABLES } from '../../support/app.ts';
import { startServer } from '../../support/server.ts';
import { temporaryFolder } from '../command.ts';
import { admin, LONG_MS, operate, operated, startOperated } from '../operated-server.ts';

vi.setConfig({ testTimeout: 4 * LONG_MS });

test('11.4 the percentage stays, and afterwards each client of either server gets each event once', async () => {
  const upstream = await startServer(APP_VARIABLES);
  onTestFinished(() => upstream.close());
  const server = await startOperated({
    ...operated(),
    WAVEHALL_CUTOVER_UPSTREAM: `http://127.0.0.1:${upstream.port}`,
    WAVEHALL_CUTOVER_STATE_FILE: join(temporaryFolder(), 'cutover.json'),
  });
  expect((await operate(server, ['cutover', 'set', '50'])).code).toBe(0);
  const tabs = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const client = new Pusher(APP.key, optionsFor(server));
      onTestFinished(() => client.disconnect());
      const tab = { numbers: [] as number[], entries: 0 };
      const { channel } = await subscribeTo(client, 'orders');
      channel.bind('n', ({ n }: { n: number }) => tab.numbers.push(n));
      channel.bind('pusher:subscription_succeeded', () => (tab.entries += 1));
      return tab;
    }),
  );
  const publish = async (n: number) => {
    await sdkFor(server).trigger('orders', 'n', { n });
    await expect
      .poll(() => tabs.every(({ numbers }) => numbers.at(-1) === n), { timeout: LONG_MS })
      .toBe(true);
  };
  await publish(1);
  expect((await operate(server, ['restart'])).code).toBe(0);
  await expect.poll(() => tabs.every(({ entries }) => entries > 0), { timeout: LONG_MS }).toBe(true);
  for (const n of [2, 3, 4]) await publish(n);
  await sdkFor(upstream).trigger('orders', 'n', { n: 5 });
  await expect.poll(() => tabs.every(({ numbers }) => numbers.at(-1) === 5), { timeout: LONG_MS }).toBe(true);
  for (const { numbers } of tabs) expect(numbers).toEqual([1, 2, 3, 4, 5]);
  expect((await admin(server, 'GET', '/cutover')).json).toMatchObject({ percentage: { percent: 50 } });
});
