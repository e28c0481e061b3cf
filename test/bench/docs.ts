/** Writes the figures of a run to docs/performance.md: replaces the text between the marks of each scenario. */
import { readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { markdown, type Report } from './report.ts';

export const DOCUMENT = new URL('../../docs/performance.md', import.meta.url).pathname;

export async function writeDocs(reports: readonly Report[]): Promise<void> {
  let document = readFileSync(DOCUMENT, 'utf8');
  for (const report of reports) document = filled(document, report.scenario, markdown(report));
  const style = await resolveConfig(DOCUMENT);
  writeFileSync(DOCUMENT, await format(document, { ...style, parser: 'markdown' }));
}

/** Throws if the document has no marks for the scenario. */
export function filled(document: string, scenario: string, block: string): string {
  const [open, close] = [`<!-- bench:${scenario} -->`, `<!-- /bench:${scenario} -->`];
  const [from, to] = [document.indexOf(open), document.indexOf(close)];
  if (from < 0 || to < from)
    throw new Error(`docs/performance.md has no place for "${scenario}" (${open} … ${close})`);
  return `${document.slice(0, from + open.length)}\n\n${block}\n\n${document.slice(to)}`;
}
