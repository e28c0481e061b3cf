/** Loaded into a server under attack (`node --import`): on SIGUSR2 runs the garbage collector and prints the bytes in use. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
let number = 0;

process.on('SIGUSR2', () => {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  number += 1;
  process.stderr.write(`memory probe ${number}: ${heapUsed + external} bytes\n`);
});
