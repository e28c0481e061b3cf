/** The live view in Chromium while 100,000 lines arrive: what it keeps stays bounded. */
import type { CDPSession, Page, WebSocketRoute } from 'playwright-core';
import { expect, onTestFinished, test, vi } from 'vitest';
import { LONG_MS, operated, startOperated } from '../../cli/operated-server.ts';
import { launchChromium, withChromium } from '../../support/browser.ts';
import { eventually } from '../../support/wire.ts';
import { logInByKeyboard, openConsole, openView } from '../browser-page.ts';

vi.setConfig({ testTimeout: 10 * LONG_MS });

const LINES = 100_000;
/** As many as the server sends in a second. */
const PART = 1000;
const MAX_LINES = 2000;
/** Nodes of the page with all of its lines: each has a dozen. */
const MAX_NODES = 40_000;
/** Growth of the heap after the first lines have filled the page. */
const MAX_GROWTH_BYTES = 2_500_000;

let sent = 0;

/** A line as the server sends it, unlike any other. */
function lineOf(event: string): string {
  sent += 1;
  const trace = `k3f9a2bc-${sent.toString(36)}.0`;
  const names = { app: 'app-id', channel: `orders.${sent % 1000}`, event, trace };
  return JSON.stringify({
    ...{ atMs: Date.now(), type: 'published', ...names },
    ...{ bytes: 90, source: 'http', sockets: 3 },
  });
}

/** Sends so many lines in the place of the server, which would take an hour, as fast as the page shows them; the last one is of this event. */
async function send(page: Page, socket: WebSocketRoute, lines: number, event: string): Promise<void> {
  for (let at = PART; at <= lines; at += PART) {
    const part = Array.from({ length: PART }, () => lineOf('App\\Events\\Shipped'));
    if (at === lines) part.splice(-1, 1, lineOf(event));
    socket.send(part.join('\n'));
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
  }
  await page.getByRole('listitem').filter({ hasText: event }).first().waitFor();
}

/** Nodes and bytes of the heap, after a collection. */
async function measure(debug: CDPSession): Promise<{ nodes: number; heapBytes: number }> {
  await debug.send('HeapProfiler.collectGarbage');
  const { metrics } = await debug.send('Performance.getMetrics');
  const of = (wanted: string): number => metrics.find(({ name }) => name === wanted)?.value ?? NaN;
  return { nodes: of('Nodes'), heapBytes: of('JSHeapUsedSize') };
}

withChromium('a flood of lines in a browser', () => {
  test('17.5 100,000 lines leave the page with the newest 2,000, and with no more nodes and memory than these need', async () => {
    const browser = await launchChromium();
    onTestFinished(() => browser.close());
    const { page, context, problems } = await openConsole(browser, await startOperated(operated()));
    const opened = new Promise<WebSocketRoute>(
      (resolve) => void page.routeWebSocket(/\/admin\/live\/socket/, resolve),
    );
    await logInByKeyboard(page);
    await openView(page, 'Live');
    const socket = await opened;
    const debug = await context.newCDPSession(page);
    await debug.send('Performance.enable');
    await send(page, socket, 2 * MAX_LINES, 'the-first-end');
    const before = await measure(debug);
    await send(page, socket, LINES, 'the-last-end');
    await page.getByText('2,000 of 2,000 lines').waitFor();
    expect(await page.getByRole('listitem').first().innerText()).toContain('the-last-end');
    expect(await page.locator('ol.lines > li').count()).toBe(MAX_LINES);
    let after = before;
    await eventually(
      async () => {
        after = await measure(debug);
        return after.nodes < MAX_NODES && after.heapBytes - before.heapBytes < MAX_GROWTH_BYTES;
      },
      () => JSON.stringify({ before, after }),
      LONG_MS,
    );
    expect([problems, before.nodes > 10 * MAX_LINES]).toEqual([[], true]);
  });
});
