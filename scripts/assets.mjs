// What the compiler leaves behind: files that the code reads at run time, and the right to run the command.
import { chmodSync, cpSync } from 'node:fs';

for (const folder of ['src/stores/redis/lua']) {
  cpSync(new URL(`../${folder}`, import.meta.url), new URL(`../dist/${folder}`, import.meta.url), {
    recursive: true,
  });
}

chmodSync(new URL('../dist/src/cli/main.js', import.meta.url), 0o755);
