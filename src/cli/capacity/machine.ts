import { availableParallelism } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { openFilesLimit } from '../open-files.ts';
import type { Machine } from './model.ts';

/** Reads the cores, the memory (of the container, if it has a limit), the heap and the open files of this process. */
export const readMachine = (): Machine => ({
  cores: availableParallelism(),
  availableKib: Math.floor(process.availableMemory() / 1024),
  heapLimitKib: Math.floor(getHeapStatistics().heap_size_limit / 1024),
  openFiles: openFilesLimit(),
});
