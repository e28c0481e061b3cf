import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { BrowserContext } from 'playwright-core';

const CDN = 'https://cdn.jsdelivr.net/npm/';
const modules = fileURLToPath(new URL('../../node_modules/', import.meta.url));

/**
 * Serves the pages' CDN requests from node_modules, so that the tests need no network. A request for a version that is
 * not installed is answered with 404; the browser checks `integrity` as usual.
 */
export async function serveCdn(context: BrowserContext): Promise<void> {
  await context.route(/^https:/, async (route) => {
    const [, name = '', version, path = ''] =
      /^([^@]+)@([^/]+)\/(.+)$/.exec(route.request().url().slice(CDN.length)) ?? [];
    const installed = await readFile(`${modules}${name}/package.json`, 'utf8').then(
      (json) => (JSON.parse(json) as { version: string }).version,
      () => undefined,
    );
    if (!route.request().url().startsWith(CDN) || installed === undefined || installed !== version) {
      await route.fulfill({ status: 404, body: `${route.request().url()} is not what is installed` });
      return;
    }
    await route.fulfill({
      path: `${modules}${name}/${path}`,
      contentType: 'text/javascript',
      headers: { 'Access-Control-Allow-Origin': '*' },
    });
  });
}
