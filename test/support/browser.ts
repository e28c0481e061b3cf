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

/** Chromium with a fresh profile; the caller closes it. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
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
