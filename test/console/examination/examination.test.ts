/** Doctor and capacity of servers with several workers, and of those that something else has started. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { MAIN, temporaryFile } from '../../cli/command.ts';
import { LONG_MS, operated, PATIENT, startOperated } from '../../cli/operated-server.ts';
import { APP } from '../../support/app.ts';
import { launchChromium, withChromium } from '../../support/browser.ts';
import { startRedis } from '../../support/redis.ts';
import { startServer } from '../../support/server.ts';
import { logInByKeyboard, openConsole, openView } from '../browser-page.ts';
import { ask, loggedIn } from '../operator.ts';

vi.setConfig({ testTimeout: 10 * LONG_MS });

withChromium('doctor and capacity of several workers', () => {
  test('17.12 both views have their results, whichever worker the page asks', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const server = await startOperated({ ...operated(redis), ...PATIENT }, ['--workers', '2']);
    const browser = await launchChromium();
    onTestFinished(() => browser.close());
    const { page, problems } = await openConsole(browser, server);
    await logInByKeyboard(page);
    await openView(page, 'Doctor');
    await page.getByRole('button', { name: 'Run the doctor' }).click();
    const findings = page.getByRole('list', { name: 'Findings' }).getByRole('listitem');
    const roundTrip = findings.filter({ hasText: 'round-trip' }).getByText('ok', { exact: true });
    await roundTrip.waitFor({ timeout: 4 * LONG_MS });
    expect(await page.content()).not.toContain(APP.secret);
    await openView(page, 'Capacity');
    await page.getByRole('button', { name: 'Measure' }).click();
    await page.getByRole('region', { name: 'Limits of this machine' }).waitFor({ timeout: 4 * LONG_MS });
    expect(problems).toEqual([]);
  });
});

test('17.12 a server that a file of its own has started, as a supervisor does, runs the command and not that file', async () => {
  const wrapper = temporaryFile(
    'start.mjs',
    `process.argv.splice(2, Infinity, 'start'); await import(${JSON.stringify(MAIN)});`,
  );
  const server = await startServer(operated(), [], [], { main: wrapper });
  onTestFinished(() => server.close());
  const headers = await loggedIn(server);
  const { status, json } = await ask(server, 'POST', '/admin/doctor', headers, {}, 4 * LONG_MS);
  expect(status).toBe(200);
  expect((json as { findings: unknown[] }).findings.length).toBeGreaterThan(15);
});
