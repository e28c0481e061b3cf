import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** Text that runs a script wherever it is taken as HTML, as an attribute or as a URL. */
export const HOSTILE = `"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>' onfocus='window.hacked=1' autofocus='`;

/** Faults that axe-core finds and calls serious or worse. */
export async function faultsOf(page: Page): Promise<string[]> {
  // The content security policy refuses scripts in the page; the debugger may run them.
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    interface Axe {
      run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
    }
    const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run();
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
  });
}

/** Pixels by which the page is wider than its window. */
export const overflowOf = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
