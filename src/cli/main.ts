#!/usr/bin/env node
import { Command } from 'commander';
import { packageVersion } from '../config/version.ts';
import { addCutover } from './commands/cutover.ts';
import { addStart, type Start } from './commands/start.ts';

const version = packageVersion();
const program = new Command('wavehall')
  .description('A WebSocket server for Laravel broadcasting that speaks the Pusher protocol')
  .version(version);
/** Loads the server's code only for the commands that start it. */
const start: Start = async (flags, settings) => (await import('./start.ts')).start(flags, version, settings);
addStart(program, start);
addCutover(program, start);
await program.parseAsync();
