import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';
import { describe, expect, test } from 'vitest';

export const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Chromium with a fresh profile; the caller closes it. `backForwardCache`: pages that are left may be kept, as they are for users. */
export function launchChromium({ backForwardCache = false } = {}): Promise<Browser> {
  const ignoreDefaultArgs = backForwardCache ? ['--disable-back-forward-cache'] : [];
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS, ignoreDefaultArgs });
}

/** Processes of a browser: all of them, or those of its pages alone. */
export async function processesOf(browser: Browser, which: 'all' | 'pages'): Promise<number[]> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return processInfo.filter(({ type }) => which === 'all' || type === 'renderer').map(({ id }) => id);
}

/**
 * Declares `tests` if Chromium is installed. Otherwise they fail with the reason if CI is set,
 * and are skipped with the reason in the title if not.
 */
export function withChromium(title: string, tests: () => void): void {
  const reason = `Chromium is missing at ${CHROMIUM} (Debian: apt-get install chromium; or set CHROMIUM_PATH)`;
  if (existsSync(CHROMIUM)) describe(title, tests);
  else if (process.env['CI'] === undefined) test.skip(`${title} (skipped: ${reason})`, () => undefined);
  else test(title, () => expect.unreachable(reason));
}
