#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addCutover } from './commands/cutover.ts';
import { addStart, type Start } from './commands/start.ts';
import { start } from './start.ts';

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
  .description("A Pusher-protocol server that takes Laravel Reverb's place")
  .version(version);
const startThis: Start = (flags, settings) => start(flags, version, settings);
addStart(program, startThis);
addCutover(program, startThis);
await program.parseAsync();
