import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CachedValue } from './options.ts';

/** A value in the files of Laravel's cache: each stands under the hash of its key. */
export function fileValue(folder: string, key: string): CachedValue {
  const hash = createHash('sha1').update(key).digest('hex');
  const file = join(folder, hash.slice(0, 2), hash.slice(2, 4), hash);
  return {
    async read() {
      try {
        return await readFile(file, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    close: () => undefined,
  };
}
