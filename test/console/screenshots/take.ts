/** Takes the screenshots of the README from a real server in a real browser. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { LONG_MS, TOKEN } from '../../cli/operated-server.ts';
import { http } from '../../support/wire-http.ts';
import { eventually } from '../../support/wire.ts';
import { logInByKeyboard, openConsole, openView } from '../browser-page.ts';
import { pngOf } from './png.ts';
import { type Shop, startShop } from './shop.ts';

const VIEWS = ['overview', 'live', 'trace'] as const;
const SCHEMES = ['light', 'dark'] as const;
export const WIDTH = 1280;

export const FILES: readonly string[] = VIEWS.flatMap((view) =>
  SCHEMES.map((scheme) => `${view}-${scheme}.png`),
);

/** Writes all files into the folder, once the history of the server has so many steps of 10 s. */
export async function takeScreenshots(browser: Browser, folder: string, steps: number): Promise<void> {
  const shop = await startShop();
  try {
    await eventually(async () => (await stepsOf(shop)) >= steps, 'the history', steps * 10_000 + LONG_MS);
    for (const colorScheme of SCHEMES) {
      const { page, context } = await openConsole(browser, shop.server, { width: WIDTH, colorScheme });
      const save = async (view: (typeof VIEWS)[number]): Promise<void> =>
        writeFile(join(folder, `${view}-${colorScheme}.png`), await smallShot(page));
      await logInByKeyboard(page);
      await page.getByRole('img', { name: /^Connections: open/ }).waitFor();
      await save('overview');
      await openView(page, 'Live');
      await page.getByRole('listitem').filter({ hasText: 'TicketReplied' }).nth(3).waitFor();
      await page.getByRole('button', { name: 'Pause' }).click();
      await save('live');
      await page.getByRole('button', { name: 'Go on' }).click();
      await showTrace(page, shop);
      await save('trace');
      await context.close();
    }
  } finally {
    await shop.close();
  }
}

async function stepsOf({ server }: Shop): Promise<number> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const { json } = await http(server, { method: 'GET', path: '/admin/history', headers });
  return (json as { counts: { messages: readonly (number | null)[] } }).counts.messages.filter(Boolean)
    .length;
}

/** Unfolds an event that nobody got. */
async function showTrace(page: Page, shop: Shop): Promise<void> {
  await shop.publishAside();
  const line = page.getByRole('listitem').filter({ hasText: 'OrderShipped' }).first();
  await line.waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await line.getByRole('button').first().click();
  await page.getByRole('region', { name: 'Trace' }).getByText('did you mean').first().waitFor();
  await line.evaluate((element) => element.scrollIntoView({ block: 'center' }));
}

/** The page as a file, with its pixels read by the browser itself. */
async function smallShot(page: Page): Promise<Buffer> {
  const shot = await page.screenshot({ animations: 'disabled' });
  const reader = await page.context().newPage();
  const pixels = await reader.evaluate(async (base64) => {
    const picture = await createImageBitmap(
      new Blob([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))]),
    );
    const { width, height } = picture;
    const canvas = new OffscreenCanvas(width, height).getContext('2d') as OffscreenCanvasRenderingContext2D;
    canvas.drawImage(picture, 0, 0);
    const { data } = canvas.getImageData(0, 0, width, height);
    let text = '';
    for (let at = 0; at < data.length; at += 8192)
      text += String.fromCharCode(...data.subarray(at, at + 8192));
    return { width, height, base64: btoa(text) };
  }, shot.toString('base64'));
  await reader.close();
  return pngOf({ ...pixels, data: Buffer.from(pixels.base64, 'base64') });
}
