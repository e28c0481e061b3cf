/**
 * docs/monitoring.md: its tables are made from the metrics of the code. The text around the tables is written by hand.
 * `npx vitest run test/docs/monitoring.test.ts -u` writes the tables again.
 */
import { readFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { expect, test } from 'vitest';
import type { Metric } from '../../src/core/ports/metric.ts';
import { ALL_METRICS } from '../support/all-metrics.ts';
import { ROOT } from './shell-blocks.ts';

const PAGE = `${ROOT}docs/monitoring.md`;
const HEAD = '| metric | kind | labels | what it is |\n| --- | --- | --- | --- |';

const rowOf = ({ name, kind, labels, help }: Metric): string => {
  const shown = labels.map((label) => `\`${label}\``).join(', ');
  return `| \`${name}\` | ${kind} | ${shown} | ${help.replaceAll('|', '\\|')} |`;
};

/** The section of the page, with its table made again below its text. */
function sectionOf(page: string, title: string, metrics: readonly Metric[]): string {
  const [, section] = page.split(`\n## ${title}\n`);
  if (section === undefined) throw new Error(`docs/monitoring.md has no section "${title}"`);
  const prose = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => !line.startsWith('|'));
  return `${title}\n\n${prose.join('\n').trim()}\n\n${[HEAD, ...metrics.map(rowOf)].join('\n')}\n`;
}

test('the page has a table for each part of the server, with its metrics and their words', async () => {
  const page = readFileSync(PAGE, 'utf8');
  const parts = Object.entries(ALL_METRICS);
  const [before = ''] = page.split('\n## ');
  const made = [before, ...parts.map(([title, metrics]) => sectionOf(page, title, metrics))].join('\n## ');
  const style = await resolveConfig(PAGE);
  await expect(await format(made, { ...style, parser: 'markdown' })).toMatchFileSnapshot(PAGE);
});

test('every metric has a help text, and a name with its unit', () => {
  for (const { name, kind, help } of Object.values(ALL_METRICS).flat()) {
    expect(help, name).toMatch(/^\S.{9,}$/);
    expect(name.endsWith('_total'), name).toBe(kind === 'counter');
    if (kind === 'histogram') expect(name).toMatch(/_seconds$/);
  }
});
