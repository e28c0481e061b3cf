#!/usr/bin/env node
import { Command } from 'commander';
import { packageVersion } from '../config/version.ts';
import { addCapacity } from './commands/capacity.ts';
import { addCutover } from './commands/cutover.ts';
import { addApps } from './commands/apps.ts';
import { addChannels } from './commands/channels.ts';
import { addDoctor } from './commands/doctor.ts';
import { addHistory } from './commands/events/history.ts';
import { addRestart } from './commands/restart.ts';
import { addRules } from './commands/rules.ts';
import { addStart, type Start } from './commands/start.ts';
import { addStatus } from './commands/status.ts';
import { addTail } from './commands/events/tail.ts';
import { addWatch } from './commands/events/watch.ts';
import { addTerminate } from './commands/terminate.ts';
import { addTrace } from './commands/events/trace.ts';
import { addTrigger } from './commands/events/trigger.ts';
import { addUsers } from './commands/users.ts';
import { addWebhooks } from './commands/webhooks.ts';

const version = packageVersion();
const program = new Command('wavehall')
  .description('A WebSocket server for Laravel broadcasting that speaks the Pusher protocol')
  .version(version);
/** Loads the server's code only for the commands that start it. */
const start: Start = async (flags, settings) => (await import('./start.ts')).start(flags, version, settings);
addStart(program, start);
addCutover(program, start);
for (const add of [
  addCapacity,
  addStatus,
  addApps,
  addChannels,
  addUsers,
  addHistory,
  addTrigger,
  addTerminate,
  addRestart,
  addTail,
  addTrace,
  addWebhooks,
  addRules,
])
  add(program);
addWatch(program, async (flags) => (await import('./watch/index.ts')).watch(flags));
addDoctor(program, async (flags) => (await import('./doctor/command.ts')).doctor(flags));
await program.parseAsync();
