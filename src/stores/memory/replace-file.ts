import { rename, rm, writeFile } from 'node:fs/promises';
import { ignore } from '../../core/util/ignore.ts';

/** Writes a file whole or not at all. */
export async function replaceFile(path: string, text: string, mode = 0o666): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    // In a container each process has the number of the one before it: that may have left such a file.
    await rm(temporary, { force: true });
    await writeFile(temporary, text, { mode, flag: 'wx', flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(ignore);
    throw error;
  }
}
