import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';

const MAX_FILES = 2000;
const SCRIPT = /\.(?:[cm]?[jt]sx?|vue|svelte)$/;
const NOT_OWN = new Set(['node_modules', 'vendor', '.git']);

/** Files of scripts in a folder and below, at most 2000. */
export function scriptsIn(folder: string): string[] {
  const found: string[] = [];
  const folders = [folder];
  for (let next = folders.pop(); next !== undefined && found.length < MAX_FILES; next = folders.pop()) {
    for (const entry of entriesOf(next)) {
      if (entry.isDirectory() && !NOT_OWN.has(entry.name)) folders.push(join(next, entry.name));
      else if (entry.isFile() && SCRIPT.test(entry.name)) found.push(join(next, entry.name));
    }
  }
  return found.slice(0, MAX_FILES).sort();
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** Text of a file, at most so many bytes; `undefined` when it cannot be read. */
export function readStart(file: string, maxBytes: number): string | undefined {
  try {
    const descriptor = openSync(file, 'r');
    try {
      const bytes = Buffer.alloc(Math.min(maxBytes, fstatSync(descriptor).size));
      return bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, bytes.length, 0));
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
}

/** JSON of a file; `undefined` when there is none. */
export function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
