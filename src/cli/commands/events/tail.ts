import type { Command } from 'commander';
import { endAfter, followLive, type LiveFlags, livePath } from '../../client/live-feed.ts';
import { type LiveLine, liveLineText } from '../../client/live-line.ts';
import { addAdminOptions, addLiveOptions, adminAddress, type ServerFlags } from '../../client/options.ts';
import { runCommand, wantsJson } from '../../client/output.ts';

/** Time for which a server that had answered may be away: it is restarted. */
const PATIENCE_MS = 30_000;

interface TailFlags extends ServerFlags, LiveFlags {
  readonly seconds?: string;
}

/** `wavehall tail`: shows live what clients and publishers of a running server do. */
export function addTail(program: Command): void {
  addLiveOptions(addAdminOptions(program.command('tail')))
    .description('Show live what clients and publishers do, with how many sockets got each event')
    .action((flags: TailFlags) => runCommand(() => tail(flags)));
}

async function tail(flags: TailFlags): Promise<void> {
  const write = (text: string): void => void process.stdout.write(`${text}\n`);
  const onLine = wantsJson(flags)
    ? write
    : (line: string): void => write(liveLineText(JSON.parse(line) as LiveLine));
  const onEnd = (): void => void process.stderr.write('wavehall: the stream ended, it is opened again\n');
  await followLive(
    adminAddress(flags),
    livePath(flags),
    { onLine, onEnd, patienceMs: PATIENCE_MS },
    endAfter(flags.seconds).signal,
  );
}
