import { fileURLToPath } from 'node:url';
import type { TestServer } from '../support/server.ts';
import { eventually } from '../support/wire.ts';

const MIB = 1024 * 1024;
const LIMIT_MS = 10_000;
const PROBE = fileURLToPath(new URL('./memory-probe.mjs', import.meta.url));

/** Flags of Node with which a server tells what it keeps. */
export const PROBED = ['--import', PROBE];

/** Heap and buffers outside it that a server started with `PROBED` keeps after a full collection, in MiB. */
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
