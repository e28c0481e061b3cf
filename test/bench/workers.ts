/** The generator that uses worker threads of Node, for machines without a C compiler. */
import type { GeneratorKind } from './load.ts';

const PROGRAM = new URL('./workers/main.ts', import.meta.url).pathname;

export const workersKind = (core: number | undefined): GeneratorKind => ({
  name: 'generator: worker threads of Node',
  command: [process.execPath, '--import', 'tsx', '--conditions=source', PROGRAM],
  core,
});
