/**
 * docs/configuration.md: its tables are made from .env.example, which test/config compares with the code. The text around
 * the tables is written by hand. `npx vitest run test/docs/configuration.test.ts -u` writes the tables again.
 */
import { readFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { expect, test } from 'vitest';
import { ROOT } from './shell-blocks.ts';

const PAGE = `${ROOT}docs/configuration.md`;
const HEADING = /^# --- (.+?)(?: -+)?$/;
const ASSIGNMENT = /^#([A-Z_0-9]+)=(.*)$/;
const COMMENT = /^# (.+) \[(.+)\]$/;
const NAME = /\b(?:REDIS|REVERB|WAVEHALL|PUSHER|NODE)_[A-Z_]*\w|X-Forwarded-\*|ulimit -n/g;

interface Section {
  readonly title: string;
  readonly rows: readonly string[];
}

const cell = (text: string): string => text.replaceAll('|', '\\|');
const code = (text: string): string => (text === '' ? 'none' : `\`${text}\``);

/** Where a name comes from: the words in brackets of .env.example. */
function originOf(words: string): string {
  const [whose = '', key] = words.split("; Reverb's config key: ");
  const name = whose
    .replace("Reverb's own name", 'Reverb')
    .replace("Hypervel's name", "Hypervel's Reverb")
    .replace("the pusher driver's name", "Laravel's `pusher` connection")
    .replace("ours, Laravel's name", 'Laravel')
    .replace('ours', 'Wavehall');
  return key === undefined ? name : `${name}; in \`config/reverb.php\`: \`${key}\``;
}

function rowOf(comment: string, name: string, fallback: string): string {
  const [, text = '', whose = ''] = COMMENT.exec(comment) ?? [];
  const explained = text.replaceAll(NAME, (found) => `\`${found}\``);
  return `| ${[`\`${name}\``, code(fallback), explained, originOf(whose)].map(cell).join(' | ')} |`;
}

/** The sections of .env.example, with a row for each variable. */
function sectionsOf(example: string): Section[] {
  const sections: { title: string; rows: string[] }[] = [];
  const lines = example.split('\n');
  for (const [at, line] of lines.entries()) {
    const [, title] = HEADING.exec(line) ?? [];
    const [, name, fallback = ''] = ASSIGNMENT.exec(line) ?? [];
    if (title !== undefined) sections.push({ title: title.split(/[.:;] /)[0] ?? '', rows: [] });
    else if (name !== undefined) sections.at(-1)?.rows.push(rowOf(lines[at - 1] ?? '', name, fallback));
  }
  return sections;
}

/** Text of the page in a section, without its table. */
function proseIn(page: string, title: string): string {
  const [, after = ''] = page.split(`\n## ${title}\n`);
  return (after.split('\n## ')[0] ?? '')
    .split('\n')
    .filter((line) => !line.startsWith('|'))
    .join('\n')
    .trim();
}

/** The page with all tables made again. Text before the first section and after the last one stays. */
function withTables(page: string, sections: readonly Section[]): string {
  const [before = ''] = page.split('\n## ');
  const titles = new Set(sections.map(({ title }) => title));
  const others = page
    .split('\n## ')
    .slice(1)
    .filter((section) => !titles.has(section.split('\n')[0] ?? ''));
  const head = '| variable | default | what it does | the name comes from |\n| --- | --- | --- | --- |';
  const made = sections.map(
    ({ title, rows }) => `${title}\n\n${proseIn(page, title)}\n\n${[head, ...rows].join('\n')}\n`,
  );
  return [before, ...made, ...others].join('\n## ');
}

test('the page has a table for each section of .env.example, with its variables, defaults and words', async () => {
  const sections = sectionsOf(readFileSync(`${ROOT}.env.example`, 'utf8'));
  expect(sections.length).toBeGreaterThan(10);
  expect(sections.flatMap(({ rows }) => rows).length).toBeGreaterThan(100);
  const made = withTables(readFileSync(PAGE, 'utf8'), sections);
  const style = await resolveConfig(PAGE);
  await expect(await format(made, { ...style, parser: 'markdown' })).toMatchFileSnapshot(PAGE);
});
