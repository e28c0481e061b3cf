import type { Browser, BrowserContext, Page } from 'playwright-core';
import { LONG_MS, TOKEN } from '../cli/operated-server.ts';
import type { Address } from '../support/wire.ts';

export interface PageOptions {
  readonly width?: number;
  readonly colorScheme?: 'dark' | 'light';
  readonly timezoneId?: string;
}

/** The console in a browser: its page, and what went wrong in it. */
export interface ConsolePage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of scripts, and what the content security policy has refused. */
  readonly problems: string[];
  /** Addresses that the page has asked for. */
  readonly requests: string[];
}

export async function openConsole(
  browser: Browser,
  { host, port }: Address,
  { width = 1280, colorScheme = 'light', timezoneId = 'UTC' }: PageOptions = {},
): Promise<ConsolePage> {
  const context = await browser.newContext({
    viewport: { width, height: 800 },
    colorScheme,
    timezoneId,
    locale: 'en-GB',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(LONG_MS);
  const [problems, requests]: [string[], string[]] = [[], []];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    const text = message.text();
    // The browser itself reports each answer of 401 and each connection that failed.
    if (message.type() === 'error' && !/^Failed to load resource|WebSocket connection to/.test(text))
      problems.push(text);
  });
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(`http://${host}:${port}/admin/console/`);
  return { page, context, problems, requests };
}

/** Logs in with the keyboard alone. */
export async function logInByKeyboard(page: Page, token = TOKEN): Promise<void> {
  await page.getByLabel('Admin token').waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.type(token);
  await page.keyboard.press('Enter');
}

export async function openView(page: Page, name: string): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
}
