// What the compiler leaves behind: files that the code reads at run time.
import { cpSync } from 'node:fs';

for (const folder of ['src/stores/redis/lua']) {
  cpSync(new URL(`../${folder}`, import.meta.url), new URL(`../dist/${folder}`, import.meta.url), {
    recursive: true,
  });
}
