#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addCutover } from './commands/cutover.ts';
import { addStart, type Start } from './commands/start.ts';

/** The package's own version, from source (`src/cli`) and as built (`dist/src/cli`). */
function packageVersion(): string {
  for (const up of ['../../package.json', '../../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as { version: string }).version;
    } catch {
      continue;
    }
  }
  return 'unknown';
}

const version = packageVersion();
const program = new Command('wavehall')
  .description('A WebSocket server for Laravel broadcasting that speaks the Pusher protocol')
  .version(version);
/** Loads the server's code only for the commands that start it. */
const start: Start = async (flags, settings) => (await import('./start.ts')).start(flags, version, settings);
addStart(program, start);
addCutover(program, start);
await program.parseAsync();
