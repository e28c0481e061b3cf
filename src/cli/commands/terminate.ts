import type { Command } from 'commander';
import { askApp } from '../client/app-client.ts';
import { addAppOptions, appAddress, type AppFlags } from '../client/options.ts';
import { print, runCommand, shown } from '../client/output.ts';

/** `wavehall terminate`: closes all connections of a user who has signed in, on all nodes (SPEC 8.9). */
export function addTerminate(program: Command): void {
  addAppOptions(program.command('terminate <user>'))
    .description('Close all connections of a user who has signed in')
    .action((user: string, flags: AppFlags) =>
      runCommand(async () => {
        const path = `/users/${encodeURIComponent(user)}/terminate_connections`;
        const answer = await askApp<object>(await appAddress(flags), { method: 'POST', path, body: {} });
        print(flags, answer, () => [`All connections of user ${shown(user)} are closed.`]);
      }),
    );
}
