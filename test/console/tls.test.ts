/** The console of a server that speaks TLS itself, in Chromium. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { LONG_MS, operated, startOperated } from '../cli/operated-server.ts';
import { launchChromium, withChromium } from '../support/browser.ts';
import { selfSigned } from '../support/certificates.ts';
import { logInByKeyboard, openView } from './browser-page.ts';

vi.setConfig({ testTimeout: 4 * LONG_MS });

withChromium('the console over TLS', () => {
  test('17.2 over TLS the cookie is for TLS alone, and the live socket opens', async () => {
    const certificate = selfSigned();
    onTestFinished(() => certificate.remove());
    const server = await startOperated({
      ...operated(),
      WAVEHALL_TLS_CERT: certificate.certificate,
      WAVEHALL_TLS_KEY: certificate.key,
    });
    const browser = await launchChromium();
    onTestFinished(() => browser.close());
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    const page = await context.newPage();
    page.setDefaultTimeout(LONG_MS);
    await page.goto(`https://127.0.0.1:${server.port}/admin/console/`);
    await logInByKeyboard(page);
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    expect((await context.cookies())[0]).toMatchObject({ secure: true, httpOnly: true, sameSite: 'Strict' });
    await openView(page, 'Live');
    await page
      .getByRole('status')
      .filter({ hasText: /^Live$/ })
      .waitFor();
  });
});
