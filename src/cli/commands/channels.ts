import type { Command } from 'commander';
import { askApp } from '../client/app-client.ts';
import { addAppOptions, appAddress, type AppFlags } from '../client/options.ts';
import { print, runCommand, table } from '../client/output.ts';

interface ChannelFlags extends AppFlags {
  readonly prefix?: string;
  readonly info?: string;
}

/** Channels as `GET /apps/{id}/channels` lists them (SPEC 8.6). */
interface ChannelList {
  readonly channels: Readonly<Record<string, { subscription_count?: number; user_count?: number }>>;
}

/** `wavehall channels`: lists the channels of an app that have subscribers, on all nodes. */
export function addChannels(program: Command): void {
  addAppOptions(program.command('channels'))
    .description('List the channels of an app that have subscribers')
    .option('--prefix <prefix>', 'only channels whose name begins so, e.g. presence-')
    .option('--info <names>', 'subscription_count, user_count, or both with a comma between them')
    .action((flags: ChannelFlags) =>
      runCommand(async () => {
        const query = {
          ...(flags.prefix !== undefined && { filter_by_prefix: flags.prefix }),
          ...(flags.info !== undefined && { info: flags.info }),
        };
        const answer = await askApp<ChannelList>(await appAddress(flags), {
          method: 'GET',
          path: '/channels',
          query,
        });
        print(flags, answer, () => channelTable(answer, flags.info !== undefined));
      }),
    );
}

function channelTable({ channels }: ChannelList, hasInfo: boolean): string[] {
  const names = Object.keys(channels).sort();
  const counts = (name: string): string[] => [
    `${channels[name]?.subscription_count ?? ''}`,
    `${channels[name]?.user_count ?? ''}`,
  ];
  return table(
    hasInfo ? ['channel', 'subscriptions', 'users'] : ['channel'],
    names.map((name) => [name, ...(hasInfo ? counts(name) : [])]),
    'No channel has a subscriber.',
  );
}
