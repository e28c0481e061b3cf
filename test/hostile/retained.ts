import { fileURLToPath } from 'node:url';
import type { TestServer } from '../support/server.ts';
import { eventually } from '../support/wire.ts';

const MIB = 1024 * 1024;
const LIMIT_MS = 10_000;
const PROBE = fileURLToPath(new URL('./memory-probe.mjs', import.meta.url));

/** Options of Node with which a server prints its retained memory on SIGUSR2. */
export const PROBED = ['--import', PROBE];

/** Returns a function that reads the heap and external memory after a full garbage collection, in MiB; needs `PROBED`. */
export function retainedMbOf(server: TestServer): () => Promise<number> {
  let number = 0;
  return async () => {
    number += 1;
    const line = new RegExp(`memory probe ${number}: (\\d+) bytes`);
    server.kill('SIGUSR2');
    await eventually(() => line.test(server.output()), 'the memory probe answers', LIMIT_MS);
    return Math.round((Number(line.exec(server.output())?.[1]) / MIB) * 10) / 10;
  };
}
