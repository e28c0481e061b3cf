import type { Command } from 'commander';
import type { LiveFlags } from '../../client/live-feed.ts';
import { addAdminOptions, addLiveOptions, type ServerFlags } from '../../client/options.ts';
import { runCommand } from '../../client/output.ts';

export interface WatchFlags extends ServerFlags, LiveFlags {
  readonly seconds?: string;
}

/** `wavehall watch`: the traffic of a running server as a table, and below it what happens. */
export function addWatch(program: Command, watch: (flags: WatchFlags) => Promise<void>): void {
  addLiveOptions(addAdminOptions(program.command('watch')))
    .description('Show live how much passes through a running server, and what happens, in one screen')
    .action((flags: WatchFlags) => runCommand(() => watch(flags)));
}
