import type { Command } from 'commander';
import { askApp } from '../../client/app-client.ts';
import { addAppOptions, appAddress, type AppFlags } from '../../client/options.ts';
import { counted, print, runCommand, table } from '../../client/output.ts';

interface HistoryFlags extends AppFlags {
  readonly after?: string;
  readonly limit?: string;
}

/** The history of a channel, as `GET /apps/{id}/channels/{name}/events` answers (SPEC 8.14). */
interface ChannelHistory {
  readonly events: readonly { readonly position: string; readonly name: unknown; readonly data: unknown }[];
  readonly position: string | null;
  readonly newest: string | null;
  readonly missing: number | null;
}

/** `wavehall history`: shows the events that the history of a channel has. */
export function addHistory(program: Command): void {
  addAppOptions(program.command('history <channel>'))
    .description('Show the events of a channel that are still kept')
    .option('--after <position>', 'only events after this position')
    .option('--limit <number>', 'events at most, up to 1000')
    .action((channel: string, flags: HistoryFlags) =>
      runCommand(async () => {
        const { after, limit } = flags;
        const answer = await askApp<ChannelHistory>(await appAddress(flags), {
          method: 'GET',
          path: `/channels/${encodeURIComponent(channel)}/events`,
          query: { ...(after !== undefined && { after }), ...(limit !== undefined && { limit }) },
        });
        print(flags, answer, () => [...eventTable(answer), ...notes(answer, after)]);
      }),
    );
}

const eventTable = ({ events }: ChannelHistory): string[] =>
  table(
    ['position', 'event', 'data'],
    events.map(({ position, name, data }) => [position, String(name), String(data)]),
    'No event is kept.',
  );

function notes({ position, newest, missing }: ChannelHistory, after: string | undefined): string[] {
  const lines: string[] = [];
  if (missing === null)
    lines.push('The history began anew since that position: events between them may be missing.');
  else if (missing > 0) lines.push(`${counted(missing, 'event')} after ${after} can no longer be shown.`);
  if (position !== newest && position !== null) lines.push(`There are more: --after ${position}`);
  return lines;
}
