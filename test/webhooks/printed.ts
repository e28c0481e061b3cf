import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const page = readFileSync(new URL('../../docs/webhooks.md', import.meta.url), 'utf8');

/** Text of the code block that follows the first mention of a text on docs/webhooks.md. Throws without one. */
export function printedAfter(text: string): string {
  const at = page.indexOf(text);
  const block = at === -1 ? null : /^```\w+\n([^]*?)^```$/m.exec(page.slice(at));
  if (block === null) throw new Error(`docs/webhooks.md has no block after ${text}`);
  return block[1] ?? '';
}

/** Writes the block that follows a file's name to this file of an app, as its reader does. */
export async function writePrinted(folder: string, file: string): Promise<void> {
  await mkdir(dirname(join(folder, file)), { recursive: true });
  await writeFile(join(folder, file), printedAfter(`\`${file}\``));
}
