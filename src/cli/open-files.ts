import { readFileSync } from 'node:fs';

/** Number of files that a process may have open, this one by default; `undefined` on systems that do not show it. */
export function openFilesLimit(process = 'self'): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${process}/limits`, 'utf8'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
