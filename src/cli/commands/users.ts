import type { Command } from 'commander';
import { askApp } from '../client/app-client.ts';
import { addAppOptions, appAddress, type AppFlags } from '../client/options.ts';
import { print, runCommand, table } from '../client/output.ts';

/** `wavehall users`: lists the members of a presence channel, on all nodes (SPEC 8.8). */
export function addUsers(program: Command): void {
  addAppOptions(program.command('users <channel>'))
    .description('List the users on a presence channel')
    .action((channel: string, flags: AppFlags) =>
      runCommand(async () => {
        const path = `/channels/${encodeURIComponent(channel)}/users`;
        const answer = await askApp<{ users: readonly { id: string }[] }>(await appAddress(flags), {
          method: 'GET',
          path,
        });
        print(flags, answer, () =>
          table(
            ['user'],
            answer.users.map(({ id }) => [id]),
            'Nobody is on this channel.',
          ),
        );
      }),
    );
}
