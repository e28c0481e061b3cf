import type { Command } from 'commander';
import { askAdmin } from '../../admin-client.ts';
import { addAdminOptions, adminAddress, type ServerFlags } from '../../client/options.ts';
import { bold, print, runCommand, shown } from '../../client/output.ts';

interface TraceFlags extends ServerFlags {
  readonly app?: string;
  readonly channel?: string;
  readonly last?: boolean;
}

interface Finding {
  readonly cause: string;
  readonly text: string;
}

/** Answer of `GET /admin/trace` (SPEC 16.3), as far as it is printed. */
interface TraceReport {
  readonly story: {
    readonly received?: string;
    readonly parts: readonly {
      readonly event: string;
      readonly channel: string;
      readonly findings: readonly Finding[];
    }[];
    readonly findings: readonly Finding[];
  };
}

/** `wavehall trace`: tells what became of an event, and why it did not arrive. */
export function addTrace(program: Command): void {
  addAdminOptions(program.command('trace [id]'))
    .description('Tell what became of an event, and why it did not arrive')
    .option('--channel <name>', 'the newest event of this channel')
    .option('--last', 'the newest event that was published')
    .option('--app <id>', 'only of this app')
    .action((id: string | undefined, flags: TraceFlags) =>
      runCommand(async () => {
        const query = queryOf(id, flags);
        const report = await askAdmin<TraceReport>(adminAddress(flags), 'GET', `/trace?${query}`);
        print(flags, report, () => storyLines(report));
      }),
    );
}

/** Without an id and a channel, the newest event is asked for. */
function queryOf(id: string | undefined, { app, channel, last }: TraceFlags): string {
  if ([id, channel, last].filter((each) => each !== undefined).length > 1)
    throw new Error('Expected one of ID, --channel and --last');
  return new URLSearchParams({
    ...(id !== undefined && { id }),
    ...(channel !== undefined && { channel }),
    ...(id === undefined && channel === undefined && { last: '1' }),
    ...(app !== undefined && { app }),
  }).toString();
}

function storyLines({ story }: TraceReport): string[] {
  const { received, parts, findings } = story;
  return [
    ...(received === undefined ? [] : [bold(shown(received))]),
    ...parts.flatMap(({ event, channel, findings: ofPart }) => [
      ...(parts.length > 1 ? ['', bold(shown(`${event} on ${channel}`))] : []),
      ...lines(ofPart),
    ]),
    ...(parts.length > 1 && findings.length > 0 ? [''] : []),
    ...lines(findings),
  ];
}

const lines = (findings: readonly Finding[]): string[] => findings.map(({ text }) => `- ${shown(text)}`);
